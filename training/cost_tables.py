"""The tables of `keras-action tables` as Markdown: costs of our models and of the paper's."""

from dataclasses import dataclass

from .paper import DATA_SETS, FIGURE_4, PaperFigures, eta

BACKBONES = {"resnet50": "ResNet-50", "bn_inception": "BNInception", "mobilenet_v2": "MobileNetV2"}
FORMS = ("literal", "training", "inference")


@dataclass(frozen=True)
class Cost:
    """The parameters and operations of a model.

    Attributes:
        backbone: Its name in the registry.
        method: TSN, TSM, ACTION, or one of its paths: STE, CE, ME.
        num_classes: The number of classes.
        features: The number of features before the classifier.
        full_convolution: Number of additional parameters if ME's 3×3 convolution were not depthwise.
        trainable: Number of trainable parameters.
        parameters: Number of stored parameters.
        macs: The multiply-adds of a clip, by form.
        operations: The operations of a clip, counted as the paper seems to.
        full_operations: The same with a full 3×3 convolution in ME.
    """

    backbone: str
    method: str
    num_classes: int
    features: int
    full_convolution: int
    trainable: int
    parameters: int
    macs: dict[str, int]
    operations: int
    full_operations: int

    def trainable_with(self, classes):
        """Number of trainable parameters with another number of classes: a row of weights and a bias for each."""
        return self.trainable + (classes - self.num_classes) * (self.features + 1)


def tables(costs, setting, paper):
    """All tables as one text in Markdown.

    Args:
        costs: `Cost` of each method for each backbone.
        setting: Dict of `num_classes`, `num_segments` and `input_size`.
        paper: Dict from (backbone, method) to `PaperFigures`; empty where the setting is not the paper's.
    """
    first, title = costs[0].backbone, BACKBONES[costs[0].backbone]
    path_costs = [cost for cost in costs if cost.backbone == first]
    backbone_costs = [cost for cost in costs if cost.method in ("TSN", "TSM", "ACTION")]
    action_costs = [cost for cost in costs if cost.method == "ACTION"]
    by_key = {(cost.backbone, cost.method): cost for cost in costs}
    sections = [
        "{num_segments} frames of {input_size} × {input_size}, {num_classes} classes. ".format(**setting)
        + '"–": the paper prints no such figure.',
        f"## Each path alone, {title}" + " (Table 3)" * (first == "resnet50"),
        parameter_table(path_costs, by_key, paper),
        macs_table(path_costs, by_key, paper),
        "## The backbones (Table 5)",
        parameter_table(backbone_costs, by_key, paper),
        macs_table(backbone_costs, by_key, paper),
        "## ME's 3×3 convolution: depthwise or full",
        convolution_table(action_costs, paper),
    ]
    if paper:
        sections += [
            "## Efficiency η (equation 10)",
            "Percent more operations than TSM per point of top-1 over TSM, at the paper's accuracies.",
            efficiency_table(by_key, paper),
            figure_4_table(by_key, paper),
        ]
    return "\n\n".join(sections)


def parameter_table(costs, by_key, paper):
    """Markdown: the parameters of each model, over TSN, and with the paper's number of classes."""
    header = ("", "", "trainable", "over TSN", "stored", "trainable, classes as in the paper", "the paper")
    rows = []
    for cost in costs:
        tsn, figures = by_key[cost.backbone, "TSN"], paper.get((cost.backbone, cost.method), PaperFigures())
        theirs = "–" if figures.classes is None else f"{cost.trainable_with(figures.classes):,} ({figures.classes})"
        rows.append(
            (
                *(BACKBONES[cost.backbone], cost.method, f"{cost.trainable:,}"),
                "" if cost.method == "TSN" else _extra(cost.trainable, tsn.trainable, "+,"),
                *(f"{cost.parameters:,}", theirs, _figure(figures.parameters, "M")),
            )
        )
    return _markdown(header, rows, texts=2)


def macs_table(costs, by_key, paper):
    """Markdown: the operations of each model as the paper counts them, and its multiply-adds, also over TSN."""
    header = ("", "", "counted as in the paper", "the paper", "multiply-adds: literal", "over TSN: literal", *FORMS[1:])
    rows = []
    for cost in costs:
        tsn, figures = by_key[cost.backbone, "TSN"], paper.get((cost.backbone, cost.method), PaperFigures())
        extra = [_extra(cost.macs[form] / 1e9, tsn.macs[form] / 1e9, "+.3f", " G") for form in FORMS]
        rows.append(
            (
                *(BACKBONES[cost.backbone], cost.method, f"{cost.operations / 1e9:.2f} G"),
                *(_figure(figures.macs, "G"), f"{cost.macs['literal'] / 1e9:.2f} G"),
                *([""] * 3 if cost.method == "TSN" else extra),
            )
        )
    return _markdown(header, rows, texts=2)


def convolution_table(costs, paper):
    """Markdown: ACTION-Net with ME's 3×3 convolution depthwise, as in the released code, and full."""
    header = ("", "classes", "parameters: depthwise", "full", "the paper", "operations: depthwise", "full", "the paper")
    rows = []
    for cost in costs:
        figures = paper.get((cost.backbone, cost.method), PaperFigures())
        classes = figures.classes or cost.num_classes
        trainable = cost.trainable_with(classes)
        parameters = f"{trainable:,}", f"{trainable + cost.full_convolution:,}", _figure(figures.parameters, "M")
        counted = f"{cost.operations / 1e9:.2f} G", f"{cost.full_operations / 1e9:.2f} G", _figure(figures.macs, "G")
        rows.append((BACKBONES[cost.backbone], classes, *parameters, *counted))
    return _markdown(header, rows, texts=1)


def efficiency_table(by_key, paper):
    """Markdown: η of each path on EgoGesture, as in the paper's Table 3."""
    header = (
        "ResNet-50, EgoGesture",
        "top-1",
        "over TSM",
        "η in the paper",
        "from its FLOPs",
        "counted here",
        "ours at inference",
    )
    rows = []
    for method in ("STE", "CE", "ME", "ACTION"):
        key, baseline = ("resnet50", method), ("resnet50", "TSM")
        if key in by_key:
            top1 = paper[key].top1["EgoGesture"], paper[baseline].top1["EgoGesture"]
            printed = eta(float(paper[key].macs), float(paper[baseline].macs), *top1)
            rows.append(
                (
                    *(method, f"{top1[0]} %", f"+{top1[0] - top1[1]:.1f}", f"{paper[key].eta} %", f"{printed:.2f} %"),
                    *(f"{value:.2f} %" for value in etas(by_key[key], by_key[baseline], *top1)),
                )
            )
    return _markdown(header, rows, texts=1)


def figure_4_table(by_key, paper):
    """Markdown: η of ACTION-Net on each backbone and data set, in the paper's Figure 4 and ours."""
    header = ("Figure 4", "", "TSM", "ACTION", "η in the paper", "counted here", "ours at inference")
    rows = []
    for data_set in DATA_SETS:
        for backbone, title in BACKBONES.items():
            key, baseline = (backbone, "ACTION"), (backbone, "TSM")
            if key in by_key:
                top1 = paper[key].top1[data_set], paper[baseline].top1[data_set]
                rows.append(
                    (
                        *(data_set, title, f"{top1[1]} %", f"{top1[0]} %", f"{FIGURE_4[backbone][data_set]:.2f} %"),
                        *(f"{value:.2f} %" for value in etas(by_key[key], by_key[baseline], *top1)),
                    )
                )
    return _markdown(header, rows, texts=2)


def etas(cost, baseline, top1, baseline_top1):
    """η of a model, counted as in the paper, and of ours at inference, over the same TSM."""
    counted = eta(cost.operations, baseline.operations, top1, baseline_top1)
    return counted, eta(cost.macs["inference"], baseline.macs["inference"], top1, baseline_top1)


def _extra(value, baseline, style, unit=""):
    return f"{value - baseline:{style}}{unit} ({value / baseline - 1:+.1%})".replace("%", " %")


def _figure(text, letter):
    return "–" if text is None else f"{text} {letter}"


def _markdown(header, rows, texts):
    """A table whose first `texts` columns are texts, the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (header, rule, *rows))

"""The tables of `training.tables`: what models cost, ours beside the paper's, as Markdown."""

from dataclasses import dataclass

BACKBONES = {"resnet50": "ResNet-50", "bn_inception": "BNInception", "mobilenet_v2": "MobileNetV2"}
FORMS = ("literal", "training", "inference")


@dataclass(frozen=True)
class PaperFigures:
    """What the paper prints of one model, as it prints it; `None` is what could not be established.

    Attributes:
        classes: The number of classes that it was counted with.
        parameters: In millions.
        macs: Of a clip of 8 frames of 224 × 224, in billions.
        extra_macs: The same, over TSN.
    """

    classes: int | None = None
    parameters: str | None = None
    macs: str | None = None
    extra_macs: str | None = None


@dataclass(frozen=True)
class Cost:
    """What one model costs.

    Attributes:
        backbone: Its name in the registry.
        method: TSN, TSM, ACTION, or one path of it alone: STE, CE, ME.
        num_classes: What it was counted with.
        features: The length of the vector that the classifier sees.
        full_convolution: The parameters that ME's 3×3 convolution would have more if it were not depthwise.
        trainable: Number of trainable parameters.
        parameters: Number of stored parameters.
        macs: The multiply-adds of a clip, by form.
    """

    backbone: str
    method: str
    num_classes: int
    features: int
    full_convolution: int
    trainable: int
    parameters: int
    macs: dict[str, int]

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
    baselines = {cost.backbone: cost for cost in costs if cost.method == "TSN"}
    sections = [
        "{num_segments} frames of {input_size} × {input_size}, {num_classes} classes. ".format(**setting)
        + '"–": what the paper prints is not established.',
        f"## Each path alone, {title}" + " (Table 3)" * (first == "resnet50"),
        parameter_table(path_costs, baselines, paper),
        macs_table(path_costs, baselines, paper),
        "## The backbones (Table 5)",
        parameter_table(backbone_costs, baselines, paper),
        macs_table(backbone_costs, baselines, paper),
        "## Parameters, by ME's 3×3 convolution",
        convolution_table(action_costs, paper),
    ]
    return "\n\n".join(sections)


def parameter_table(costs, baselines, paper):
    """Markdown: the parameters of each model, over its TSN, and with the paper's classes beside the paper's."""
    header = ("", "", "trainable", "over TSN", "stored", "trainable, classes as in the paper", "the paper")
    rows = []
    for cost in costs:
        tsn, figures = baselines[cost.backbone], paper.get((cost.backbone, cost.method), PaperFigures())
        there = "–" if figures.classes is None else f"{cost.trainable_with(figures.classes):,} ({figures.classes})"
        rows.append(
            (
                *(BACKBONES[cost.backbone], cost.method, f"{cost.trainable:,}"),
                "" if cost.method == "TSN" else _extra(cost.trainable, tsn.trainable, "+,"),
                *(f"{cost.parameters:,}", there, _figure(figures.parameters, "M")),
            )
        )
    return _markdown(header, rows, texts=2)


def macs_table(costs, baselines, paper):
    """Markdown: the multiply-adds of each model, and over its TSN in each form, beside the paper's."""
    header = ("", "", "literal", "the paper", "over TSN: literal", "the paper", "training", "inference")
    rows = []
    for cost in costs:
        tsn, figures = baselines[cost.backbone], paper.get((cost.backbone, cost.method), PaperFigures())
        extra = [_extra(cost.macs[form] / 1e9, tsn.macs[form] / 1e9, "+.3f", " G") for form in FORMS]
        extra.insert(1, _figure(figures.extra_macs, "G", "+"))
        rows.append(
            (
                *(BACKBONES[cost.backbone], cost.method, f"{cost.macs['literal'] / 1e9:.2f} G"),
                _figure(figures.macs, "G"),
                *([""] * 4 if cost.method == "TSN" else extra),
            )
        )
    return _markdown(header, rows, texts=2)


def convolution_table(costs, paper):
    """Markdown: the parameters of ACTION-Net with ME's 3×3 convolution depthwise, as in the code, and full."""
    header = ("", "classes", "depthwise: the released code", "full: the paper's text", "the paper's table")
    rows = []
    for cost in costs:
        figures = paper.get((cost.backbone, cost.method), PaperFigures())
        classes = figures.classes or cost.num_classes
        trainable = cost.trainable_with(classes)
        full = f"{trainable + cost.full_convolution:,}"
        rows.append((BACKBONES[cost.backbone], classes, f"{trainable:,}", full, _figure(figures.parameters, "M")))
    return _markdown(header, rows, texts=1)


def _extra(value, baseline, style, unit=""):
    return f"{value - baseline:{style}}{unit} ({value / baseline - 1:+.1%})".replace("%", " %")


def _figure(text, letter, sign=""):
    return "–" if text is None else f"{sign}{text} {letter}"


def _markdown(header, rows, texts):
    """A table whose first `texts` columns are texts, the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (header, rule, *rows))

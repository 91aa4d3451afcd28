"""The figures of the paper: arXiv 2103.07372, Tables 3 and 5 and Figure 4."""

from dataclasses import dataclass, field

DATA_SETS = ("EgoGesture", "Jester", "Something-Something V2")
SETTING = {"num_classes": 83, "num_segments": 8, "input_size": 224}


@dataclass(frozen=True)
class PaperFigures:
    """The paper's figures of one model, as printed; `None` for a figure that is not in the paper.

    Attributes:
        classes: The number of classes of `parameters`. It is not in the paper: with this number the released code has
            as many parameters.
        parameters: In millions.
        macs: FLOPs of a clip of 8 frames of 224 × 224, in billions.
        extra_macs: The difference to 33 G, as printed in Table 3.
        top1: Accuracy by data set, in percent.
        eta: Equation 10, in percent, as printed beside Table 3.
    """

    classes: int | None = None
    parameters: str | None = None
    macs: str | None = None
    extra_macs: str | None = None
    top1: dict[str, float] = field(default_factory=dict)
    eta: str | None = None


def _top1(*percent):
    return dict(zip(DATA_SETS, percent, strict=False))


# (backbone, method) → figures
PAPER = {
    ("resnet50", "TSN"): PaperFigures(83, "23.68", "33", top1=_top1(83.1, 81.0, 27.8)),
    ("resnet50", "TSM"): PaperFigures(83, "23.68", "33", top1=_top1(92.1, 94.4, 58.7)),
    ("resnet50", "STE"): PaperFigures(174, "23.9", "33.1", "0.1", _top1(93.8), "0.18"),
    ("resnet50", "CE"): PaperFigures(174, "26.08", "33.16", "0.16", _top1(93.8), "0.29"),
    ("resnet50", "ME"): PaperFigures(174, "25.9", "34.69", "1.69", _top1(93.9), "2.83"),
    ("resnet50", "ACTION"): PaperFigures(174, "28.08", "34.75", "1.75", _top1(94.2, 97.1, 62.5), "2.52"),
    ("bn_inception", "TSM"): PaperFigures(83, "10.36", "16.39", top1=_top1(92.3, 94.6, 53.5)),
    ("bn_inception", "ACTION"): PaperFigures(83, "11.59", "16.94", top1=_top1(93.2, 96.6, 56.7)),
    ("mobilenet_v2", "TSM"): PaperFigures(83, "2.33", "2.55", top1=_top1(92.4, 95.0, 54.9)),
    ("mobilenet_v2", "ACTION"): PaperFigures(83, "2.36", "2.57", top1=_top1(93.5, 96.7, 58.5)),
}

# η of ACTION-Net as Figure 4 prints it, in percent, by data set.
FIGURE_4 = {
    "resnet50": _top1(2.65, 1.96, 1.40),
    "bn_inception": _top1(3.73, 1.68, 1.05),
    "mobilenet_v2": _top1(0.71, 0.46, 0.22),
}


def eta(macs, baseline_macs, top1, baseline_top1):
    """Equation 10: the percentage of operations over TSM for each point of top-1 over TSM; smaller is better."""
    return 100 * (macs / baseline_macs - 1) / (top1 - baseline_top1)

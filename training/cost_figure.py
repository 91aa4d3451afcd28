"""The figures of `keras-action tables`: costs relative to TSN, and the paper's Figure 4."""

from keras_action.plots.figure import draw_grid, new_figure
from keras_action.utils.optional_import import optional_import

from .cost_tables import etas
from .paper import DATA_SETS, FIGURE_4

with optional_import("Drawing", "Matplotlib", "'keras_action[plot]'"):
    from matplotlib.lines import Line2D

# Okabe and Ito's colours, light to dark, so that the order shows in grey too.
COLORS = {"literal": "#F0C36D", "training": "#56B4E9", "inference": "#0072B2"}
LABELS = {
    "literal": "as the released code computes",
    "training": "ours, in training",
    "inference": "ours, at inference",
}
PARAMETERS_COLOR = "#999999"
BACKBONE_COLORS = {"resnet50": "#0072B2", "bn_inception": "#E69F00", "mobilenet_v2": "#009E73"}
MARKERS = {"TSM": "o", "ACTION": "s"}


def cost_figure(costs, titles):
    """Draws the multiply-adds and parameters that each method adds to TSN, in percent; a column for each backbone.

    Args:
        costs: `training.cost_tables.Cost` of each method for each backbone, TSN among them.
        titles: Dict from the name of a backbone to its title, in the order of the columns.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = new_figure(3.4 * len(titles) + 0.6, 5.4)
    axes = figure.subplots(2, len(titles), squeeze=False, sharex="row", height_ratios=(2.4, 1))
    for column, (backbone, title) in enumerate(titles.items()):
        tsn, *others = sorted((c for c in costs if c.backbone == backbone), key=lambda cost: cost.method != "TSN")
        top, bottom = axes[:, column]
        top.set_title(
            f"{title}\nTSN: {tsn.macs['literal'] / 1e9:.1f} G multiply-adds, {tsn.trainable / 1e6:.1f} M parameters",
            fontsize=10,
        )
        height = 0.8 / len(COLORS)
        for i, (form, color) in enumerate(COLORS.items()):
            places = [row + (i - 1) * height for row in range(len(others))]
            shares = [100 * (cost.macs[form] / tsn.macs[form] - 1) for cost in others]
            _bars(top, places, shares, height * 0.92, color, LABELS[form])
        shares = [100 * (cost.trainable / tsn.trainable - 1) for cost in others]
        _bars(bottom, range(len(others)), shares, 0.7, PARAMETERS_COLOR, None)
        for panel in (top, bottom):
            panel.set_yticks(range(len(others)), [cost.method for cost in others] if column == 0 else [])
            panel.tick_params(left=False, labelsize=9)
            panel.invert_yaxis()
            panel.spines[["top", "right"]].set_visible(False)
        top.set_xlabel("more multiply-adds than TSN, %", fontsize=9)
        bottom.set_xlabel("more parameters than TSN, %", fontsize=9)
    for panel in axes[:, 0]:
        panel.set_xlim(0, max(panel.get_xlim()[1], 0.1) * 1.08)  # room for the numbers
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def accuracy_figure(costs, titles, paper):
    """Draws the paper's Figure 4: its accuracies over its FLOPs, and over our multiply-adds.

    Args:
        costs: `Cost` of TSM and ACTION for each backbone.
        titles: Dict from the name of a backbone to its title.
        paper: Dict from (backbone, method) to `PaperFigures`.

    Returns:
        A `matplotlib.figure.Figure`: a panel for each data set. Hollow markers stand at the paper's FLOPs, filled ones
        at our multiply-adds at inference; a line leads from TSM to ACTION-Net, with η in percent.
    """
    by_key = {(cost.backbone, cost.method): cost for cost in costs}
    figure = new_figure(11.6, 4.2)
    for axes, data_set in zip(figure.subplots(1, len(DATA_SETS)), DATA_SETS, strict=True):
        for backbone, title in titles.items():
            color = BACKBONE_COLORS[backbone]
            keys = [(backbone, method) for method in MARKERS]
            top1 = [paper[key].top1[data_set] for key in keys]
            printed = [float(paper[key].macs) for key in keys]
            ours = [by_key[key].macs["inference"] / 1e9 for key in keys]
            for places, fill, style in ((printed, "none", ":"), (ours, "full", "-")):
                axes.plot(places, top1, style, color=color, linewidth=1.2)
                for place, accuracy, marker in zip(places, top1, MARKERS.values(), strict=True):
                    axes.plot(place, accuracy, marker, color=color, fillstyle=fill, markersize=7)
            _, at_inference = etas(by_key[keys[1]], by_key[keys[0]], *reversed(top1))
            axes.annotate(
                f"{title}\nη {FIGURE_4[backbone][data_set]:.2f}; ours {at_inference:.2f}",
                *((max(ours[1], printed[1]), top1[1]), (0, 7)),
                **{"textcoords": "offset points", "ha": "center", "fontsize": 7.5},
            )
        axes.set_title(data_set, fontsize=10)
        axes.set_xlabel("operations of a clip, G", fontsize=9)
        axes.set_xlim(-5, 42)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.22 * (high - low))  # room for the texts
        axes.tick_params(labelsize=8)
        draw_grid(axes)
    figure.axes[0].set_ylabel("top-1 in the paper, %", fontsize=9)
    legend = [
        Line2D([], [], color="0.3", marker=marker, linestyle=style, fillstyle=fill, label=label)
        for marker, style, fill, label in (
            ("o", "", "none", "TSM"),
            ("s", "", "none", "ACTION-Net"),
            ("", ":", "none", "hollow: FLOPs as the paper prints them"),
            ("", "-", "full", "filled: our multiply-adds at inference"),
        )
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _bars(axes, places, shares, height, color, label):
    bars = axes.barh(places, shares, height, color=color, label=label)
    axes.bar_label(bars, [f"{share:.1f}" if share >= 0.05 else "0" for share in shares], padding=2, fontsize=7.5)

"""The figure of `training.tables`: what each method costs over TSN."""

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError("Drawing needs Matplotlib. Install it with: pip install 'keras_action[plot]'") from error

# Okabe and Ito's colours, light to dark, so that the order shows in grey too.
COLORS = {"literal": "#F0C36D", "training": "#56B4E9", "inference": "#0072B2"}
LABELS = {
    "literal": "as the released code computes",
    "training": "ours, in training",
    "inference": "ours, at inference",
}
PARAMETERS_COLOR = "#999999"


def cost_figure(costs, titles):
    """Draw the multiply-adds and the parameters that each method adds to TSN, in per cent, a backbone a column.

    Args:
        costs: `training.cost_tables.Cost` of each method for each backbone, TSN among them.
        titles: Dict from the name of a backbone to its title, in the order of the columns.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(3.4 * len(titles) + 0.6, 5.4), layout="constrained")
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


def _bars(axes, places, shares, height, color, label):
    bars = axes.barh(places, shares, height, color=color, label=label)
    axes.bar_label(bars, [f"{share:.1f}" if share >= 0.05 else "0" for share in shares], padding=2, fontsize=7.5)

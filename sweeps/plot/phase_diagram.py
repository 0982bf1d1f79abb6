#!/usr/bin/python3
"""Draws the phase diagram: which targets w* survive the shrinkage of stochastic SAM.

One panel for each depth L and start: the fraction of seeds that survived (shrinkage at least
lambda_min) over the noise eta and the target w*, with the measured threshold (its interval is the
95 % bootstrap over seeds) and the predicted one. Both axes are those of the sweep: with
target_unit = "threshold" targets are in units of the existence threshold tau_exist(eta, L).
"""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import style

# Light, so that black and coloured curves show on both phases; monotone in grey print.
SURVIVAL = LinearSegmentedColormap.from_list("survival", ["#F4F4F4", "#56B4E9"])


def edges(centres):
    """Cell borders half-way between the centres, on the scale on which these lie evenly."""
    logarithmic = centres[0] > 0 and style.is_log_spaced(centres)
    x = np.log(centres) if logarithmic else centres
    middle = (x[1:] + x[:-1]) / 2
    x = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    return np.exp(x) if logarithmic else x


def draw_thresholds(axes, panel, unit, signs):
    """The measured and the predicted curves, at negative targets also mirrored."""
    eta = panel["eta"].values
    names = ("threshold", "threshold_low", "threshold_high")
    measured, low, high = ((panel[name] / unit).values for name in names)
    for sign in signs:
        curve = {name: sign * (panel[f"threshold_{name}"] / unit).values
                 for name in ("theory", "existence", "maxwell")}
        axes.plot(eta, curve["existence"], "--", color="black", lw=1.1)
        if panel["depth"] > 2:
            axes.plot(eta, curve["maxwell"], ":", color="black", lw=1.3)
        axes.plot(eta, curve["theory"], color=style.THEORY, lw=2)
        ends = (low, high) if sign > 0 else (-high, -low)
        style.points(axes, eta, sign * measured, *ends, fmt="o", ms=3.5, color="black",
                     mec="white", mew=0.5, elinewidth=1, zorder=3)


def draw_panel(axes, panel, in_threshold_units, label):
    unit = panel["threshold_existence"] if in_threshold_units else 1.0
    target, eta = panel["target"].values, panel["eta"].values
    mesh = axes.pcolormesh(edges(eta), edges(target), panel["survival"].values.T, cmap=SURVIVAL,
                           vmin=0, vmax=1, rasterized=True)
    diverged = panel["diverged"].values.T
    if (diverged >= 0.5).any() and min(diverged.shape) > 1:
        axes.contourf(eta, target, diverged, levels=[0.5, 1.01], colors="none", hatches=["xxx"])
    signs = [s for s in (1, -1) if (s * target > 0).any()]
    draw_thresholds(axes, panel, unit, signs)
    if style.is_log_spaced(target):
        style.log_axis(axes.yaxis, target)
    axes.set_ylim(edges(target)[[0, -1]])
    axes.set_xlim(edges(eta)[[0, -1]])
    axes.set_title(label)
    return mesh


def name_phases(axes, survival):
    """Says which side of the curve is which, where the panel's top and bottom are of one phase."""
    box = dict(ha="center", va="center", transform=axes.transAxes, fontsize=10, style="italic")
    end = max(1, len(survival) // 5)
    if survival[-end:].min() > 0.9 and survival[:end].max() < 0.1:
        axes.text(0.5, 0.85, "survives", **box)
        axes.text(0.5, 0.1, "shrunk to zero", **box)


def legend_handles(data):
    handles = [
        Line2D([], [], color="black", marker="o", ls="", ms=4, label="measured threshold"),
        Line2D([], [], color=style.THEORY, lw=2, label="predicted for this start"),
        Line2D([], [], color="black", ls="--", lw=1.1, label=r"existence $\tau_{exist}$"),
    ]
    if (data["depth"] > 2).any():
        handles.append(Line2D([], [], color="black", ls=":", lw=1.3, label="equal loss (Maxwell)"))
    if (data["diverged"] >= 0.5).any():
        handles.append(Patch(facecolor="none", edgecolor="black", hatch="xxx", label="diverged"))
    return handles


def draw(data):
    in_threshold_units = data.attrs["keys"].get("target_unit") == "threshold"
    starts = style.axis_labels(data, "init")
    cells = [(d, i) for d in range(data.sizes["depth"]) for i in range(data.sizes["init"])]
    # A row for each depth, unless one depth or one start alone would make a single long row.
    columns = len(starts) if min(data.sizes["depth"], len(starts)) > 1 else len(cells)
    figure, axes = style.panels(len(cells) // columns, columns,
                                width=3.1 if columns < 4 else 2.5, height=2.2, sharex=True,
                                sharey=True)
    for place, (d, i) in zip(axes.flat, cells):
        label = f"$L$ = {int(data['depth'][d])}, start {starts[i]}"
        mesh = draw_panel(place, data.isel(depth=d, init=i), in_threshold_units, label)
    name_phases(axes[0, 0], data.isel(depth=0, init=0)["survival"].mean("eta").values)
    style.outer_labels(axes, r"noise $\eta$", style.target_label(in_threshold_units))
    figure.colorbar(mesh, ax=axes, label="fraction of seeds that survive", aspect=20 * len(axes),
                    pad=0.02)
    style.title(figure, "Which targets survive the shrinkage of stochastic SAM", data)
    style.legend_below(figure, legend_handles(data))
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=["survival", "threshold", "threshold_theory"])
    if data.sizes["eta"] < 2 or data.sizes["target"] < 2:
        style.fail(f"{options.result}: a phase diagram needs two or more values of eta and of "
                   "target; try threshold.py or shrinkage.py", style.UNSUITABLE)
    data = style.only(data, options, ["depth", "init", "eta", "target"])
    style.save(draw(data.sortby(["eta", "target"])), options)


if __name__ == "__main__":
    main()

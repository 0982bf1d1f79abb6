#!/usr/bin/python3
"""Draws how far the measured threshold lies from the predicted one.

The measured threshold over the predicted one (tau_level: at the same survival level), with its
95 % bootstrap interval, along the step sizes or along eta, whichever are many. Colours are depths
when there is one start, else starts, with a panel for each depth. Hollow marks at the
top: no threshold within the targets of the sweep, one above 1.5 of the predicted, or a tenth or
more of the seeds diverged at some target.
"""

import numpy as np
from matplotlib.lines import Line2D

import style

ALONG = ["step_size", "eta"]
DIVERGING = 0.1
TOP = 1.5


def draw_series(axes, x, series, style_index):
    predicted = series["threshold_theory"]
    ratio, low, high = ((series[name] / predicted).values
                        for name in ("threshold", "threshold_low", "threshold_high"))
    colour, marker = style.colour(style_index), style.marker(style_index)
    # Seeds that diverged don't survive: where many do, it is they who set the threshold.
    lost = ~(ratio < TOP) | (series["diverged"].max("target") >= DIVERGING).values
    ratio = np.where(lost, np.nan, ratio)
    axes.plot(x, ratio, color=colour, lw=1)
    style.points(axes, x, ratio, low, high, fmt=marker, color=colour, ms=5, elinewidth=1,
                 capsize=2)
    # A step of height for each series, so that none hides another.
    height = 0.97 - 0.05 * style_index
    axes.plot(x[lost], np.full(lost.sum(), height), marker, color=colour, mfc="white", ms=5,
              transform=axes.get_xaxis_transform())
    return lost.any()


def draw_panel(axes, data, along, colour_axis):
    series = [data.isel({colour_axis: i}) for i in range(data.sizes[colour_axis])]
    any_lost = [draw_series(axes, data[along].values, one, i) for i, one in enumerate(series)]
    axes.axhline(1, color="black", ls="--", lw=1)
    if style.is_log_spaced(data[along].values):
        axes.set_xscale("log")
    return any(any_lost)


def draw(data, along):
    one_start = data.sizes["init"] == 1
    colour_axis = "depth" if one_start else "init"
    parts = ([data.isel(init=0)] if one_start
             else [data.isel(depth=d) for d in range(data.sizes["depth"])])
    figure, axes = style.panels(1, len(parts), width=4.8 if len(parts) == 1 else 3.0, height=3.0,
                                sharey=True)
    any_lost = False
    for place, part in zip(axes.flat, parts):
        any_lost |= draw_panel(place, part, along, colour_axis)
        if not one_start:
            place.set_title(f"$L$ = {int(part['depth'])}")
    name = r"noise $\eta$" if along == "eta" else f"step size {style.step_size_symbol(data)}"
    style.outer_labels(axes, name, "measured / predicted")
    style.title(figure, "The measured threshold over theory's", data)
    labels = style.axis_labels(data, colour_axis)
    handles = [Line2D([], [], color=style.colour(i), marker=style.marker(i), lw=1, label=label)
               for i, label in enumerate(labels)]
    handles.append(Line2D([], [], color="black", ls="--", lw=1, label="theory"))
    if any_lost:  # and room for the hollow marks, above the highest threshold
        low, high = axes[0, 0].get_ylim()
        axes[0, 0].set_ylim(low, high + (0.07 * len(labels) + 0.05) * (high - low))
        handles.append(Line2D([], [], color="black", marker="o", ls="", mfc="white", ms=5,
                              label=f"none, or above {TOP:g}"))
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=["threshold", "threshold_theory"])
    along = style.longest_axis(data, ALONG)
    data = style.only(data, options, ["depth", "init", "target", along])
    if not np.isfinite(data["threshold"]).any():
        style.fail(f"{options.result}: no survival curve crosses one half, so there is no "
                   "threshold; widen the targets", style.UNSUITABLE)
    style.save(draw(data.sortby(along), along), options)


if __name__ == "__main__":
    main()

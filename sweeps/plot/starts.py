#!/usr/bin/python3
"""Draws how the threshold depends on the start of training.

The threshold over tau_exist, the existence threshold, with its 95 % bootstrap interval: on the
left of balanced starts over their weight in units of eta, where it is the basin threshold
(u0^2 + eta^2)^(L-1) / u0^(L-2) below the saddle-node; on the right of every other start by name.
"""

import numpy as np
from matplotlib.lines import Line2D

import style


def draw_series(axes, x, data, j, theory):
    unit = data["threshold_existence"]
    value, low, high, predicted = ((data[name] / unit).values for name in (
        "threshold", "threshold_low", "threshold_high", "threshold_theory"))
    axes.plot(x, predicted, color=style.colour(j), alpha=0.5, **theory)
    style.points(axes, x, value, low, high, fmt="o", ms=4, color=style.colour(j), elinewidth=1,
                 capsize=2.5)


def draw(data, starts):
    balanced = np.array([start.startswith("balanced") for start in starts])
    figure, axes = style.panels(1, 2, width=4.0, height=3.2, sharey=True,
                                gridspec_kw={"width_ratios": [1.4, 1]})
    left, right = axes[0]
    even = data.isel(init=balanced).sortby("init_scale")
    other = data.isel(init=~balanced)
    names = [start for start, is_balanced in zip(starts, balanced) if not is_balanced]
    count = data.sizes["depth"]
    for j in range(count):
        shift = 0.12 * (j - (count - 1) / 2)
        draw_series(left, even["init_scale"] / float(data["eta"]), even.isel(depth=j), j,
                    {"lw": 1.5})
        draw_series(right, np.arange(len(names)) + shift, other.isel(depth=j), j,
                    {"ls": "", "marker": "_", "ms": 14, "mew": 2})
    style.log_axis(left.yaxis, (data["threshold"] / data["threshold_existence"]).values)
    style.log_axis(left.xaxis, even["init_scale"].values / float(data["eta"]))
    left.set_title("balanced starts")
    left.set_xlabel(r"weight of the start $u_0\,/\,\eta$")
    left.set_ylabel(r"threshold $\tau\,/\,\tau_{exist}$")
    right.set_title("other starts")
    right.set_xticks(range(len(names)), names, rotation=35, ha="right")
    right.margins(x=0.12)
    style.title(figure, "The start decides which targets survive", data)
    handles = [Line2D([], [], color=style.colour(j), marker="o", ls="",
                      label=f"measured, $L$ = {int(depth)}")
               for j, depth in enumerate(data["depth"].values)]
    style.legend_below(figure, handles + [Line2D([], [], color=style.GREY, label="theory")])
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=["threshold", "threshold_theory"])
    starts = style.axis_labels(data, "init")
    if sum(start.startswith("balanced") for start in starts) < 2:
        style.fail(f"{options.result}: needs two or more balanced starts in 'init'",
                   style.UNSUITABLE)
    data = style.only(data, options, ["depth", "init", "target"])
    style.save(draw(data, starts), options)


if __name__ == "__main__":
    main()

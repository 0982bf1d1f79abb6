#!/usr/bin/python3
"""Draws the shrinkage of the learned product against the target.

One panel for each depth L: points are lambda-hat = (p sign(w*) / |w*|)^(1/L), mean and standard
deviation over the seeds; lines are theory: sqrt(1 - eta^2 / |w*|) at L = 2 (soft thresholding),
a jump for L > 2. Colours are the starts, the step sizes or the noises eta, whichever are many;
of the others --at chooses one.
"""

import numpy as np
from matplotlib.lines import Line2D

import style

SERIES = ["init", "eta", "step_size"]


def draw_series(axes, x, series, colour, marker, size):
    theory = series["shrinkage_theory"].values
    # A jump between two targets is a jump of the theory, not a slope: leave the line open there.
    jump = np.flatnonzero((np.minimum(theory[1:], theory[:-1]) == 0)
                          & (np.abs(np.diff(theory)) > 0.3)) + 1
    mean, std = series["shrinkage_mean"].values, series["shrinkage_std"].values
    style.points(axes, x, mean, mean - std, mean + std, fmt=marker, color=colour, ms=size,
                 elinewidth=0.8)
    axes.plot(np.insert(x, jump, np.nan), np.insert(theory, jump, np.nan), color="black", lw=1,
              zorder=3)


def draw(data, axis):
    in_threshold_units = data.attrs["keys"].get("target_unit") == "threshold"
    depths, shown = data["depth"].values, style.spread(data.sizes[axis], len(style.COLOURS))
    labels = style.axis_labels(data, axis)
    sizes = np.linspace(7, 3.5, len(shown))  # later points lie on earlier ones and show both
    figure, axes = style.panels(1, len(depths), width=3.0, height=2.8, sharex=True, sharey=True)
    for d, (depth, place) in enumerate(zip(depths, axes.flat)):
        for j, i in enumerate(shown):
            draw_series(place, data["target"].values, data.isel({"depth": d, axis: i}),
                        style.colour(j), style.marker(j), sizes[j])
        place.set_title(f"$L$ = {depth}")
        place.set_ylim(-0.03, 1.03)
        if style.is_log_spaced(data["target"].values):
            style.log_axis(place.xaxis, data["target"].values)
    style.outer_labels(axes, style.target_label(in_threshold_units), r"shrinkage $\hat\lambda$")
    style.title(figure, "Shrinkage by stochastic SAM", data)
    handles = [Line2D([], [], color=style.colour(j), marker=style.marker(j), ls="",
                      label=labels[i]) for j, i in enumerate(shown)]
    handles.append(Line2D([], [], color="black", lw=1, label="theory"))
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=["shrinkage_mean", "shrinkage_theory"])
    axis = style.longest_axis(data, SERIES)
    data = style.only(data, options, ["depth", "target", axis])
    style.save(draw(data.sortby("target"), axis), options)


if __name__ == "__main__":
    main()

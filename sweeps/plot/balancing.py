#!/usr/bin/python3
"""Draws how training balances the layers: the imbalance along the run against its law.

One panel for each depth L, from a sweep with 'record': max over l of |w_l^2 - w_(l+1)^2|, mean
over the seeds, against t = alpha k. Dashed: exp(-4 eta^2 t) at L = 2; for L > 2 the late rate
4 eta^2 (u^2 + eta^2)^(L-2) at the balanced point u that theory predicts for the target.
"""

import numpy as np
from matplotlib.lines import Line2D

import style

# The late rate holds near balance: where the imbalance is this small beside u^2 + eta^2.
LATE = 0.15


def late_scale(depth, eta, series):
    """u^2 + eta^2 at the balanced point u: the square of a weight and the noise on it."""
    u = float(series["shrinkage_theory"]) * abs(float(series["target_value"])) ** (1 / depth)
    return u**2 + eta**2


def draw_series(axes, t, imbalance, rate, near_balance, j):
    axes.plot(t, imbalance, color=style.colour(j), lw=2.5, alpha=0.75)
    late = np.flatnonzero(imbalance < near_balance)
    if late.size:
        start = late[0]
        axes.plot(t[start:], imbalance[start] * np.exp(-rate * (t[start:] - t[start])), "--",
                  color="black", lw=1)


def draw_panel(axes, data, starts):
    depth, eta = int(data["depth"]), float(data["eta"])
    t = style.step_times(data, depth, float(data["step_size"]), eta)
    floors, rates = [], []
    for j, i in enumerate(starts):
        series = data.isel(init=i)
        imbalance = series["imbalance_path_mean"].values
        scale = late_scale(depth, eta, series)
        rates.append(4 * eta**2 * scale ** (depth - 2))
        draw_series(axes, t, imbalance, rates[-1], np.inf if depth == 2 else LATE * scale, j)
        floors.append(np.nanmin(imbalance))
    axes.set_yscale("log")
    # The law alone falls without end; the picture ends below what the noise leaves.
    axes.set_ylim(bottom=max(min(floors) / 3, 1e-7))
    axes.set_xlim(0, min(t[-1], 16 / min(rates)))
    axes.set_title(f"$L$ = {depth}")


def draw(data):
    labels = style.axis_labels(data, "init")
    unbalanced = [i for i in range(len(labels)) if not labels[i].startswith("balanced")]
    figure, axes = style.panels(1, data.sizes["depth"], width=3.0, height=2.9, sharey=True)
    for d, place in enumerate(axes.flat):
        draw_panel(place, data.isel(depth=d), unbalanced)
    style.outer_labels(axes, r"time $t = \alpha k$", r"imbalance $\max_l\,|w_l^2 - w_{l+1}^2|$")
    style.title(figure, "Training balances the layers, exponentially fast", data)
    handles = [Line2D([], [], color=style.colour(j), lw=2.5, alpha=0.75, label=labels[i])
               for j, i in enumerate(unbalanced)]
    handles.append(Line2D([], [], color="black", ls="--", lw=1, label="law"))
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=["imbalance_path_mean"])
    if all(label.startswith("balanced") for label in style.axis_labels(data, "init")):
        style.fail(f"{options.result}: every start is balanced; sweep an 'unbalanced(s,r)' start",
                   style.UNSUITABLE)
    data = style.only(data.isel(depth=data["depth"].values > 1), options, ["depth", "init"])
    style.save(draw(data), options)


if __name__ == "__main__":
    main()

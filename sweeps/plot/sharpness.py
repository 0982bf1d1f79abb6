#!/usr/bin/python3
"""Draws how sharp the networks are beside the balanced ones that compute the same product.

From a sweep with 'record' and several starts: along the run, the average sharpness
R = prod (w_l^2 + eta^2) - prod w_l^2 and the Hessian trace, each divided by its value at the
balanced weights with the product p the network has at that time. No factorisation of p lies
below 1; training balances the layers and so drives every start to 1.
"""

import numpy as np
from matplotlib.lines import Line2D

import style


def least_sharpness(p, depth, eta):
    return (np.abs(p) ** (2 / depth) + eta**2) ** depth - p**2


def least_trace(p, depth, _):
    return 2 * depth * np.abs(p) ** (2 * (depth - 1) / depth)


ROWS = [("average_sharpness_path_mean", least_sharpness,
         "average sharpness $R$\n/ $R$ if balanced"),
        ("hessian_trace_path_mean", least_trace, "Hessian trace\n/ trace if balanced")]


def draw_panel(axes, data, name, least):
    depth, eta = int(data["depth"]), float(data["eta"])
    t = style.step_times(data, depth, float(data["step_size"]), eta)
    for j in range(data.sizes["init"]):
        series = data.isel(init=j)
        p = series["product_path_mean"].values
        with np.errstate(divide="ignore", invalid="ignore"):  # a product may die or diverge
            ratio = series[name].values / least(p, depth, eta)
        axes.plot(t, np.where(np.isfinite(ratio), ratio, np.nan), color=style.colour(j), lw=2)
    axes.axhline(1, color="black", ls="--", lw=1)
    axes.set_xscale("log")
    axes.set_xlim(max(t[0], t[-1] * 1e-4), t[-1])


def draw(data):
    labels = style.axis_labels(data, "init")
    figure, axes = style.panels(len(ROWS), data.sizes["depth"], width=3.0, height=2.2,
                                sharex="col", sharey="row")
    for row, (name, least, label) in zip(axes, ROWS):
        row[0].set_ylabel(label)
        for d, place in enumerate(row):
            draw_panel(place, data.isel(depth=d), name, least)
    for d, depth in enumerate(data["depth"].values):
        axes[0, d].set_title(f"$L$ = {depth}")
        axes[-1, d].set_xlabel(r"time $t = \alpha k$")
    style.title(figure, "Sharpness is least at balance, and training gets there", data)
    handles = [Line2D([], [], color=style.colour(j), lw=2, label=label)
               for j, label in enumerate(labels)]
    handles.append(Line2D([], [], color="black", ls="--", lw=1, label="balanced, same product"))
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, needs=[name for name, _, _ in ROWS])
    style.save(draw(style.only(data, options, ["depth", "init"])), options)


if __name__ == "__main__":
    main()

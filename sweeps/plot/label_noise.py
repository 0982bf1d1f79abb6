#!/usr/bin/python3
"""Draws the maps of label_noise: training with label noise beside its theory.

Which map is drawn depends on what the sweep varied and kept:
  slow_flow = "yes", record   spread and Hessian trace on the slow clock S, with the slow flow
  quintic_k, label            where replicas are stable, with the line phi'''(phi^-1(y/m)) = 0
  data_seed, record           late rates on Gaussian data against the least eigenvalue of 2KQ
  record                      effective rank on the slow clock, with the slowest rate
"""

import numpy as np
import xarray
from matplotlib.colors import SymLogNorm
from matplotlib.lines import Line2D

import style

SLOW_CLOCK = r"slow clock $S = \eta^2\sigma^2 t\,/\,4n$"
PHI = {"cubic": r"$z + z^3/3$", "quintic": r"$z - kz^3 + qz^5$", "tanh": r"$\tanh z$",
       "sinh": r"$\sinh z$"}


def series(data, name):
    return data[f"{name}_path_mean"].transpose(..., "step").values


def step_size_label(data, value):
    edge = data.attrs["keys"].get("step_size_unit") == "edge"
    return rf"$\eta\lambda_{{max}}/2 = {value:g}$" if edge else rf"$\eta = {value:g}$"


# P-c1


def draw_flow(data):
    figure, axes = style.panels(1, 3, width=3.3, height=3.1)
    least = float(np.atleast_1d(data["least_trace"].values)[0])
    clock = series(data, "slow_clock")
    panels = [("spread", 0, 1e-6, "spread of the neurons"),
              ("hessian_trace", least, 0.01, r"$F - F_{min}$")]  # below is what the noise leaves
    for place, (name, floor, bottom, label) in zip(axes.flat, panels):
        for i in range(data.sizes["step_size"]):
            colour = style.colour(i)
            place.plot(clock[i], series(data, f"finite_flow_{name}")[i] - floor, color=colour)
            place.plot(clock[i][::2], series(data, name)[i][::2] - floor, style.marker(i),
                       color=colour, mfc="none", ms=4)
        place.plot(clock[-1], series(data, f"flow_{name}")[-1] - floor, "--", color="black", lw=1.2)
        place.set(yscale="log", xlabel=SLOW_CLOCK, ylabel=label)
        place.set_xlim(0, min(2.5, np.nanmax(clock)))
        place.set_ylim(bottom, 2 * np.nanmax(series(data, name) - floor))
    draw_deviation(axes[0, 2], data, clock)
    handles = [Line2D([], [], color=style.colour(i), marker=style.marker(i), mfc="none", ms=4,
                      label=step_size_label(data, value) + r": run, flow of $F_\eta$")
               for i, value in enumerate(data["step_size"].values)]
    handles.append(Line2D([], [], color="black", ls="--", lw=1.2,
                          label=r"flow of $F$ ($\eta \to 0$)"))
    style.title(figure, "Training on the clock S, beside the flow of the sharpness", data)
    style.legend_below(figure, handles)
    return figure


def draw_deviation(place, data, clock):
    """ln of the measured spread less the flow's, where that of the limit has fallen to 1 %."""
    eta = data["step_size"].values
    flows = [("flow", "black", "s", r"from the flow of $F$"),
             ("finite_flow", style.THEORY, "o", r"from that of $F_\eta$")]
    spread, limit = series(data, "spread"), series(data, "flow_spread")
    for flow, colour, marker, label in flows:
        gaps = []
        for i in range(len(eta)):
            with np.errstate(divide="ignore", invalid="ignore"):  # spreads may fall to 0
                at = np.argmin(np.abs(np.log(100 * limit[i])))
                gaps.append(np.log(spread[i][at] / series(data, f"{flow}_spread")[i][at]))
        place.plot(eta, gaps, marker + "-", color=colour, label=label, lw=1)
    place.axhline(0, color=style.GREY, lw=0.8, zorder=0)
    place.set(xlabel=step_size_label(data, 0).split(" =")[0] + "$",
              ylabel="ln spread: measured - flow")
    place.set_xlim(0)
    place.legend(loc="lower left")


# P-c2


def mismatches(data, margin):
    """Cells at least `margin` from the line whose measured rate has the other sign, and all."""
    rate, label = data["relaxation_rate_mean"], np.abs(data["label"])
    line = data["stability_line"].broadcast_like(rate)
    # Only the quintic has a k: of the others one of its values counts.
    is_quintic = [word == "quintic" for word in style.words(data, "activation")]
    counts = (data["quintic_k"] == data["quintic_k"][0]) | xarray.DataArray(is_quintic,
                                                                          dims="activation")
    rate = rate.where(counts)
    far = (np.abs(label - line) >= margin) & np.isfinite(rate)
    return int((((rate < 0) != (label < line)) & far).sum()), int(far.sum())


def draw_stability(data):
    names = style.words(data, "activation")
    data = data.transpose("activation", "quintic_k", "label", ...)
    figure, axes = style.panels(1, 2, width=4.3, height=3.5)
    left, right = axes.flat
    quintic = data.isel(activation=names.index("quintic"))
    k, label = quintic["quintic_k"].values, quintic["label"].values
    image = left.pcolormesh(label, k, quintic["relaxation_rate_mean"].values, cmap="PuOr",
                            norm=SymLogNorm(0.3, vmin=-30, vmax=30), shading="nearest",
                            rasterized=True)
    line = quintic["stability_line"].isel(label=0).values
    left.plot(line, k, color="black", lw=2)
    left.text(0.12, 0.86, "neurons split", transform=left.transAxes, ha="left")
    left.text(0.95, 0.14, "neurons become one", transform=left.transAxes, ha="right",
              color="white")
    left.annotate(r"$\varphi'''(\varphi^{-1}(y/m)) = 0$", (np.interp(0.3, k, line), 0.3),
                  xytext=(-85, 22), textcoords="offset points",
                  arrowprops={"arrowstyle": "-", "lw": 0.8})
    left.set(xlabel="label per neuron $y/m$", ylabel="$k$", title=PHI["quintic"],
             xlim=(0, label[-1]))
    bar = figure.colorbar(image, ax=left, label="measured relaxation rate",
                          ticks=[-10, -1, 0, 1, 10])
    bar.ax.set_yticklabels(["-10", "-1", "0", "1", "10"])
    middle = int(np.argmin(np.abs(k - 0.5)))
    for i, name in enumerate(names):
        one = data.isel(activation=i, quintic_k=middle)
        right.plot(label, one["relaxation_rate_theory"], color=style.colour(i))
        of_k = f", $k = {k[middle]:g}$" if name == "quintic" else ""
        right.plot(label, one["relaxation_rate_mean"], style.marker(i), color=style.colour(i),
                   mfc="none", label=PHI[name] + of_k)
    right.axhline(0, color=style.GREY, lw=0.8, zorder=0)
    right.set(xlabel="label per neuron $y/m$", ylabel="relaxation rate per unit of $S$",
              xlim=(0, label[-1]), ylim=(-5, 10), title="points: measured, lines: theory")
    right.legend(loc="upper left", ncol=2, columnspacing=1)
    wrong, cells = mismatches(data, 0)
    style.title(figure, "Replicas are stable where $\\varphi''' > 0$: "
                    f"{wrong} of {cells} cells disagree", data)
    return figure


# P-c3

FALL = (25, 50)  # of ln sum (z - mean)^2: late enough for one mode, above what rounding leaves


def late_rate(clock, fall):
    """Half the slope of the fall against S in the range FALL; NaN where it was not reached."""
    late = (fall > FALL[0]) & (fall < FALL[1])
    return np.polyfit(clock[late], fall[late], 1)[0] / 2 if late.sum() > 2 else np.nan


def draw_rates(data):
    kept = ("samples", "data_seed", "neurons")
    data = data.transpose(*kept, ..., "step")
    clock = series(data, "slow_clock")
    fall = 2 * clock * series(data, "relaxation_rate")
    measured = np.array([late_rate(clock[i], fall[i]) for i in np.ndindex(clock.shape[:-1])])
    theory = data["relaxation_rate_theory"].transpose(*kept).values
    small_steps = data["small_step_rate"].transpose(*kept).values
    measured = measured.reshape(theory.shape)
    samples = data["samples"].values
    # Gaussian inputs have twice as many dimensions as samples where the sweep does not say.
    ratio_of_inputs = samples / float(data.get("dimension", np.nan))
    ratio_of_inputs = np.where(np.isfinite(ratio_of_inputs), ratio_of_inputs, 0.5)
    figure, axes = style.panels(1, 2, width=4.2, height=3.4)
    left, right = axes.flat
    ends = [theory.min() / 1.5, theory.max() * 1.5]
    left.plot(ends, ends, color=style.GREY, lw=1, zorder=0)
    shift = np.linspace(-0.012, 0.012, data.sizes["neurons"])
    for j, m in enumerate(data["neurons"].values):
        look = {"color": style.colour(j), "mfc": "none", "ms": 4.5, "ls": "none",
                "marker": style.marker(j)}
        left.plot(theory[:, :, j].ravel(), measured[:, :, j].ravel(), label=f"$m = {m:g}$", **look)
        x = np.repeat(ratio_of_inputs, theory.shape[1]) + shift[j]
        right.plot(x, (measured / theory)[:, :, j].ravel(), **look)
        right.plot(x, (measured / small_steps)[:, :, j].ravel(), "x", color=style.GREY, ms=3.5)
    left.set(xscale="log", yscale="log", xlim=ends, ylim=ends, ylabel="measured late rate",
             xlabel=r"predicted: least eigenvalue of $2KQ$")
    left.legend(loc="upper left")
    right.axhline(1, color=style.GREY, lw=1, zorder=0)
    right.set(xlabel="samples per dimension $n/d$", ylabel="measured / predicted rate")
    right.text(0.03, 0.12, "crosses: prediction of small steps", transform=right.transAxes,
               color=style.GREY)
    off = np.abs(measured / theory - 1)
    off = off[np.isfinite(off)]
    title = "No run was long enough for a rate"
    if off.size:
        title = (f"The rate is the least eigenvalue of 2KQ: within {100 * off.max():.1f} % in "
                 f"{off.size} cells")
    style.title(figure, title, data)
    return figure


# P-c4


def draw_rank(data):
    kept = ("activation", "neurons")
    data = data.transpose(*kept, ..., "step")
    names = style.words(data, "activation")
    clock, rank = series(data, "slow_clock"), series(data, "effective_rank")
    rates = data["relaxation_rate_theory"].transpose(*kept).values
    figure, axes = style.panels(1, 2, width=4.0, height=3.3)
    left, right = axes.flat
    styles = ["-", "--", ":", "-."]
    for i in range(len(names)):
        for j in range(data.sizes["neurons"]):
            look = {"color": style.colour(j), "ls": styles[i]}
            left.plot(clock[i, j], rank[i, j], **look)
            right.plot(rates[i, j] * clock[i, j], rank[i, j] - 1, **look)
    x = np.linspace(0, 8, 50)
    right.plot(x, 3 * np.exp(-2 * x), color="black", lw=2.5, alpha=0.35)
    right.text(4.1, 3e-3, r"$\propto e^{-2 \cdot rate \cdot S}$")
    left.axhline(1, color=style.GREY, lw=0.8, zorder=0)
    end = min(10, np.nanmax(clock))
    left.set(xscale="log", xlabel=SLOW_CLOCK, ylabel="effective rank",
             xlim=(1e-3 * end, end))
    right.set(yscale="log", xlabel="slowest rate $\\times\\ S$", ylabel="effective rank - 1",
              xlim=(0, 6), ylim=(1e-5, 5))
    handles = [Line2D([], [], color=style.colour(j), label=f"$m = {m:g}$")
               for j, m in enumerate(data["neurons"].values)]
    handles += [Line2D([], [], color="black", ls=styles[i], label=PHI[name])
                for i, name in enumerate(names)]
    style.title(figure, f"Effective rank along the run, from {data.attrs['keys']['start']}", data)
    style.legend_below(figure, handles)
    return figure


def choose(data, path):
    """The map that the file holds, and its axes."""
    many = style.many_axes(data)
    if "finite_flow_spread_path_mean" in data:
        return draw_flow, ["step_size"]
    if {"quintic_k", "label"} <= many and "quintic" in style.words(data, "activation"):
        return draw_stability, ["activation", "quintic_k", "label"]
    if "data_seed" in many and "relaxation_rate_path_mean" in data:
        return draw_rates, ["samples", "data_seed", "neurons"]
    if "effective_rank_path_mean" in data:
        return draw_rank, ["activation", "neurons"]
    style.fail(f"{path}: holds none of the maps; see --help for what to sweep", style.UNSUITABLE)


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, model="label_noise")
    draw, used = choose(data, options.result)
    if draw is draw_rates and "samples" not in data.dims:
        data = data.expand_dims(samples=[2.0])  # the default
    data = style.only(data, options, used)
    if draw is not draw_stability and not (series(data, "slow_clock") > 0).any():
        style.fail(f"{options.result}: without label noise the slow clock S stands still",
                   style.UNSUITABLE)
    style.save(draw(data), options)


if __name__ == "__main__":
    main()

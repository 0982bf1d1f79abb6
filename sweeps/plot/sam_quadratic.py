#!/usr/bin/python3
"""Draws what SAM does on quadratics and in valleys, with theory over the data.

Which picture it is follows from the result's landscape and axes:

  quadratic, lambda_2    how fast it settles into its 2-cycle: the factor a step (P-b1)
  quadratic, step_size   how wide it bounces (P-b2)
  quadratic, condition   where plain numbers end on the wrong axis (P-b3)
  valley                 the drift of v, and its collapse on the slow time (P-b4)
  product                how fast two layers are balanced (P-b5)
  competing              where the bounce changes to the other curvature (P-b6)
"""

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import style

WON, LOST = "#FBE3B5", "#2F78B0"
LEAST_LOG = {"f32": -87.34, "f64": -708.40}  # ln of the smallest normal number
LINES = ["-", "--", "-.", (0, (5, 1, 1, 1, 1, 1))]
THEORY_LINE = {"color": "black", "lw": 1}


def two_panels(**options):
    figure, axes = style.panels(1, 2, width=4.0, height=3.3, **options)
    return figure, axes[0]


def draw_settling(data):
    a = data["step_size"].values * data.attrs["largest"]
    r = data["lambda_2"].values / data.attrs["largest"]
    factor = np.exp(data["late_slope_mean"].transpose("lambda_2", "step_size").values)
    predicted = np.exp(data["late_slope_theory"].transpose("lambda_2", "step_size").values)
    two = len(np.atleast_1d(data.attrs["keys"]["spectrum"])) == 2
    of_what = r"$|v_2'|\,/\,|v_2|$ a step" if two else "factor a step, slowest coordinate"
    figure, (left, right) = two_panels()

    image = left.pcolormesh(a, r, factor, cmap="viridis", vmin=0, vmax=1, rasterized=True)
    lines = style.contour(left, a, r, predicted, [0.25, 0.5, 0.75, 0.9], colors="white",
                          linewidths=1)
    if lines:
        left.clabel(lines, fontsize=8)
    left.set(xlabel=r"$a = \eta\lambda_1$", ylabel=r"$r = \lambda_2\,/\,\lambda_1$",
             ylim=(r[0], r[-1]), title="measured; contours: theory")
    figure.colorbar(image, ax=left, label=of_what)

    cuts = np.unique([int(q * (len(r) - 1)) for q in (0.1, 0.35, 0.6, 0.85)])
    for j, i in enumerate(cuts):
        right.plot(a, predicted[i], **THEORY_LINE)
        right.plot(a[j::4], factor[i][j::4], style.marker(j), color=style.colour(j), ms=4)
    right.set(xlabel=r"$a = \eta\lambda_1$", ylabel=of_what, ylim=(0, 1.05), title="cuts")
    style.title(figure, "How fast SAM settles into its 2-cycle", data)
    handles = [Line2D([], [], color=style.colour(j), marker=style.marker(j), ls="", ms=4,
                      label=f"measured, $r$ = {r[i]:.2g}")
               for j, i in enumerate(cuts)]
    if two:  # of more coordinates another one may be the slowest
        left.plot(a, data["superstable_ratio"].isel(lambda_2=0), "--", color=style.THEORY, lw=2)
        handles += [Line2D([], [], **THEORY_LINE, label=r"theory: $|1-ar-(2-a)r^2|$"),
                    Line2D([], [], color=style.THEORY, ls="--", lw=2, label=r"$r_0(a)$: at once")]
    else:
        handles += [Line2D([], [], **THEORY_LINE, label="theory")]
    style.legend_below(figure, handles)
    return figure


def draw_amplitude(data):
    figure, axes = style.panels(1, 1, width=5.0, height=3.4)
    place = axes[0, 0]
    a = data["step_size"].values * data.attrs["largest"]
    line = np.linspace(a[0], min(a[-1], 1.99), 400)
    place.plot(line, line / (2 - line), **THEORY_LINE)
    count = data.sizes["rho"]
    handles = []
    for j in range(count):
        series = data.isel(rho=j)
        rho = float(series["rho"])
        shown = slice(j, None, count)  # in turn, so that none hides another
        place.plot(a[shown], series["amplitude_mean"].values[shown] / rho, style.marker(j),
                   color=style.colour(j))
        handles.append(Line2D([], [], color=style.colour(j), marker=style.marker(j), ls="",
                              label=rf"$\rho = {style.number(rho)}$"))
    place.set_yscale("log")
    place.set(xlabel=r"$a = \eta\lambda_1$", ylabel=r"amplitude $|w_1|\,/\,\rho$")
    style.title(figure, "How wide SAM bounces", data)
    style.legend_below(figure, handles + [Line2D([], [], **THEORY_LINE,
                                                 label=r"theory: $a\,/\,(2-a)$")])
    return figure


def draw_winner(data):
    precision = data.attrs["keys"]["precision"]
    least = LEAST_LOG[precision]
    a = data["step_size"].values * data.attrs["largest"]
    kappa = data["condition"].values
    figure, axes = style.panels(data.sizes["arithmetic"], data.sizes["rho"], width=3.6,
                                height=2.7, sharex=True, sharey=True)
    for i, word in enumerate(style.words(data, "arithmetic")):
        for j in range(data.sizes["rho"]):
            cell = data.isel(arithmetic=i, rho=j).transpose("step_size", "condition", ...)
            place = axes[i, j]
            other = cell["winner_mean"].values != 1
            place.pcolormesh(kappa, a, np.where(other, 1, 0), cmap=ListedColormap([WON, LOST]),
                             vmin=-0.5, vmax=1.5, rasterized=True)
            if word == "plain":
                dip = cell["dip_theory"].values
                style.contour(place, kappa, a, dip, [least], colors="black", linewidths=1.5,
                              linestyles="-")
            style.log_axis(place.xaxis, kappa)
            place.set_xlim(kappa[0], kappa[-1])
            place.set_title(rf"{word}, $\rho = {style.number(float(cell['rho']))}$")
    style.outer_labels(axes, r"condition number $\kappa = \lambda_1\,/\,\lambda_d$",
                       r"$a = \eta\lambda_1$")
    steps = style.number(data.attrs["keys"]["steps"])
    style.title(figure, f"Which axis SAM is on after ${steps}$ steps, in {precision}", data)
    handles = [Patch(color=WON, label=r"$e_1$, as theory says"),
               Patch(color=LOST, label="another: $v_1$ was lost, or too few steps"),
               Line2D([], [], color="black", lw=1.5,
                      label=rf"predicted dip $\ln|v_1|$ = {least:.0f}: smallest normal number")]
    style.legend_below(figure, handles)
    return figure


def draw_valley(data):
    figure, (left, right) = two_panels(sharey=True)
    steps = int(data.attrs["keys"]["steps"])
    naive = steps * data["step_size"] * data["rho"] ** 2
    handles = []
    for j in range(data.sizes["v_0"]):
        series = data.isel(v_0=j)
        fall = (series["v_mean"] / series["v_0"]).values.ravel()
        look = {"ls": "", "marker": style.marker(j), "color": style.colour(j), "ms": 3}
        time = naive.transpose(*series["v_mean"].dims).values.ravel()
        left.plot(time, fall, alpha=0.6, **look)
        right.plot(series["slow_time"].values.ravel(), fall, alpha=0.6, **look)
        handles.append(Line2D([], [], **look, label=f"$v_0$ = {float(series['v_0']):g}"))
    line = np.linspace(0, 2.5, 100)
    right.plot(line, np.exp(-2 * line), **THEORY_LINE)
    left.set(yscale="log", ylim=(np.exp(-5), 1.2), xlim=(0, 4),
             xlabel=r"$\eta\rho^2 k$ after $k$ steps", ylabel="$v\\,/\\,v_0$",
             title="against the steps")
    right.set(xlim=(0, 2.5), xlabel=r"slow time $\sum_k 2\eta\rho^2/(2-\eta\lambda)^2$",
              title="against the slow time")
    style.title(figure, r"SAM drifts down the curvature $\lambda = 1+v^2$ of its valley", data)
    handles.append(Line2D([], [], **THEORY_LINE, label="theory: gradient flow on $\\lambda$"))
    style.legend_below(figure, handles)
    return figure


def draw_product(data):
    figure, (left, right) = two_panels()
    rho, eta = data["rho"].values, data["step_size"].values
    data = data.transpose("step_size", "rho", ...)
    measured, predicted = -data["drift_mean"].values, -data["drift_theory"].values
    # D is a difference: where little is left of it, so is of its digits.
    fine = np.abs(data["imbalance_mean"].values) > 1e-9
    measured = np.where(fine, measured, np.nan)
    chosen = style.spread(len(eta), 5)
    for j, i in enumerate(chosen):
        left.plot(rho, predicted[i], **THEORY_LINE)
        left.plot(rho[j::3], measured[i][j::3], style.marker(j), color=style.colour(j))
    left.set(xscale="log", yscale="log", xlabel=r"SAM radius $\rho$",
             ylabel=r"decay of $\ln|D|$ a step")
    error = np.abs(measured / predicted - 1)
    image = right.pcolormesh(rho, eta, error, norm=LogNorm(1e-6, 1e-1), cmap="viridis",
                             rasterized=True)
    right.set(xscale="log", xlabel=r"SAM radius $\rho$", ylabel=r"step size $\eta$",
              facecolor="0.85", xlim=(rho[0], rho[-1]), ylim=(eta[0], eta[-1]))
    figure.colorbar(image, ax=right, label="|measured / theory $-$ 1|", extend="both")
    style.title(figure, "SAM balances two layers: $D = a^2 - b^2$ decays on the valley $ab = y$",
                data)
    handles = [Line2D([], [], color=style.colour(j), marker=style.marker(j), ls="",
                      label=rf"$\eta$ = {eta[i]:.3g}") for j, i in enumerate(chosen)]
    handles += [Line2D([], [], **THEORY_LINE, label=r"theory: $8\eta\rho^2/(2-\eta\lambda)^2$"),
                Patch(color="0.85", label="no 2-cycle, or $D$ below $10^{-9}$")]
    style.legend_below(figure, handles)
    return figure


def draw_competing(data):
    figure, axes = style.panels(1, data.sizes["step_size"], width=3.0, height=3.0, sharey=True)
    v_0, ratios, radii = (data[name].values for name in ("v_0", "weaker", "rho"))
    every = max(1, min(len(ratios) * len(radii), len(v_0) // 5))  # in turn: none hides another
    for s, place in enumerate(axes.flat[:data.sizes["step_size"]]):
        for j in range(len(ratios)):
            for k in range(len(radii)):
                one = data.isel(step_size=s, weaker=j, rho=k).transpose("v_0", ...)
                shown = slice((j * len(radii) + k) % every, None, every)
                place.plot(v_0, one["exit_theory"], color=style.colour(j), lw=1, ls=LINES[k % 4])
                place.plot(v_0[shown], one["exit_mean"].values[shown], style.marker(j),
                           color=style.colour(j), mfc=style.colour(j) if k == 0 else "white")
        place.axhline(0, color=style.GREY, ls=":", lw=1.5)
        place.set_title(rf"$\eta$ = {float(data['step_size'][s]):g}")
    style.outer_labels(axes, "entry $v_0$", "exit $v_x$")
    style.title(figure, "SAM descends the curvature that it bounces in, not the largest", data)
    handles = [Line2D([], [], color=style.colour(j), marker=style.marker(j), ls="",
                      label=rf"start $u_2/u_1 = {style.number(ratio)}$")
               for j, ratio in enumerate(ratios)]
    handles += [Line2D([], [], color="black", marker="o", mfc="black" if k == 0 else "white",
                       ls=LINES[k % 4], lw=1, label=rf"$\rho$ = {radius:g}: run and rule")
                for k, radius in enumerate(radii)]
    handles.append(Line2D([], [], color=style.GREY, ls=":", lw=1.5, label="the curvatures cross"))
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, ["amplitude_mean"], "sam_quadratic")
    many = style.many_axes(data)
    landscape = data.attrs["keys"]["landscape"]
    if landscape != "quadratic":
        draw, used = {"valley": (draw_valley, ["v_0", "step_size", "rho"]),
                      "product": (draw_product, ["step_size", "rho"]),
                      "competing": (draw_competing, ["v_0", "weaker", "step_size", "rho"]),
                      }[landscape]
    elif "condition" in many:
        draw, used = draw_winner, ["arithmetic", "condition", "step_size", "rho"]
    elif "lambda_2" in many:
        draw, used = draw_settling, ["lambda_2", "step_size"]
    else:
        draw, used = draw_amplitude, ["step_size", "rho"]
    along = "v_0" if landscape == "competing" else "step_size"
    if along not in many:
        style.fail(f"{options.result}: needs two or more values of {along}", style.UNSUITABLE)
    data.attrs["largest"] = float(np.max(data.attrs["keys"].get("spectrum", 1)))
    style.save(draw(style.only(data, options, used)), options)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Draws the phase diagrams of SAM on diagonal networks for classification.

Colours are the coordinate e_j that leads at the end, grey a network that has collapsed; lines are
theory's, and black dots mark the cells that ended elsewhere than predicted. Which diagram it is
follows from the axes of the result, in this order:

  alpha_1, alpha_2           starts of two coordinates, a panel for each depth and rule (P-a1, P-a4)
  first_factor, last_factor  unbalanced layers, a panel for each rule (P-a5)
  alpha, kappa               collapse, minor first, major first; needs 'record' (P-a3)
  alpha                      leaders along the run, a panel for each clock; needs 'record' (P-a2)
"""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import style

# Light tints, told apart by colour-blind readers and in grey print, on which black lines show.
COLLAPSED = "#8A8A8A"
LEADERS = ["#FBE3B5", "#8CC5E8", "#2F78B0", "#D9A0C0", "#8CD0B8", "#C8D96F", "#E8A27C", "#F5F5F5"]
WINNERS = ["$e_1$ wins", "$e_2$ wins"]
RULES = {"gd": "gradient descent", "linf": r"$\ell_\infty$-SAM", "l2": r"$\ell_2$-SAM"}


def phase_colours(count):
    return ListedColormap([COLLAPSED] + LEADERS[:count])


def edges(centres, logarithmic=False):
    """Cell borders half-way between the centres."""
    x = np.log(centres) if logarithmic else np.asarray(centres, float)
    middle = (x[1:] + x[:-1]) / 2
    x = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    return np.exp(x) if logarithmic else x


def draw_phases(axes, x, y, phase, count, log_x=False, log_y=False):
    """Cells of 0 (collapsed) or a leader. phase: [x][y]"""
    axes.pcolormesh(edges(x, log_x), edges(y, log_y), phase.T, cmap=phase_colours(count),
                    vmin=-0.5, vmax=count + 0.5, rasterized=True)
    if log_x:
        style.log_axis(axes.xaxis, x)
    if log_y:
        style.log_axis(axes.yaxis, y)
    axes.set_xlim(edges(x, log_x)[[0, -1]])
    axes.set_ylim(edges(y, log_y)[[0, -1]])


def draw_mismatches(axes, x, y, measured, predicted):
    """Dots where the two differ. Returns how many there are, of how many cells."""
    known = np.isfinite(measured) & np.isfinite(predicted)
    wrong = known & (measured != predicted)
    axes.plot(x[np.nonzero(wrong)[0]], y[np.nonzero(wrong)[1]], ".", color="black", ms=4)
    return wrong.sum(), known.sum()


def name_regions(axes, x, y, phase, names):
    """Writes names[k] amid the cells of phase k, where there are enough of them."""
    for k, name in enumerate(names):
        i, j = np.nonzero(phase == k)
        if len(i) > 0.02 * phase.size:
            axes.text(x[int(np.mean(i))], y[int(np.mean(j))], name, ha="center", va="center",
                      fontsize=11)


def word(data, axis, index=0):
    """The word of a code on an axis of words."""
    values, meanings = data[axis].attrs["flag_values"], data[axis].attrs["flag_meanings"].split()
    return meanings[list(np.atleast_1d(values)).index(np.atleast_1d(data[axis].values)[index])]


def phase_handles(phases, names):
    handles = [Patch(facecolor=COLLAPSED, label="collapsed")] if (phases == 0).any() else []
    return handles + [Patch(facecolor=LEADERS[j], label=name) for j, name in enumerate(names)
                      if (phases == j + 1).any()]


def theory_handle(label, look="-"):
    return Line2D([], [], color="black", ls=look, lw=1.6, label=label)


def wrong_handle(wrong, cells):
    if wrong == 0:
        return Line2D([], [], ls="", label=f"all {cells} cells as predicted")
    return Line2D([], [], color="black", marker=".", ls="",
                  label=f"{wrong} of {cells} cells not as predicted")


def draw_starts(data):
    """P-a1, P-a4: phase over (alpha_1, alpha_2) / rho."""
    rho = float(data["rho"])
    cells = [(r, l) for r in range(data.sizes["rule"]) for l in range(data.sizes["depth"])]
    figure, axes = style.panels(1, len(cells), width=3.6, height=3.4, sharex=True, sharey=True)
    x, y = data["alpha_1"].values / rho, data["alpha_2"].values / rho
    wrong = total = 0
    for place, (r, l) in zip(axes.flat, cells):
        part = data.isel(rule=r, depth=l)
        depth, gd = int(part["depth"]), word(data, "rule", r) == "gd"
        phase = part["phase_mean"].transpose("alpha_1", "alpha_2").values
        draw_phases(place, x, y, phase, 2)
        limit = part["limit_phase"].transpose("alpha_1", "alpha_2").values
        here, of = draw_mismatches(place, x, y, phase, limit)
        wrong, total = wrong + here, total + of
        name_regions(place, x, y, phase, ["0", "$e_1$", "$e_2$"])
        if not gd:
            place.plot([1, 1], [y[0] - 1, 1], "k-", lw=1.6)
            place.plot([x[0] - 1, 1] if depth > 2 else [x[0] - 1, x[-1] + 1], [1, 1], "k-", lw=1.6)
        if depth > 2:
            tie = part["tie_alpha"].isel(coordinate=1, alpha_2=0).values / rho
            place.plot(x, tie, "k-", lw=1.6)
        place.set_title(f"{RULES[word(data, 'rule', r)]}, $L$ = {depth}")
        place.set_aspect("equal")
    style.outer_labels(axes, r"$\alpha_1\,/\,\rho$", r"$\alpha_2\,/\,\rho$")
    figure.suptitle("Which coordinate wins, by where the two start", fontsize=12)
    handles = phase_handles(data["phase_mean"].values, WINNERS)
    style.legend_below(figure, handles + [theory_handle("theory"), wrong_handle(wrong, total)])
    return figure


def draw_layers(data):
    """P-a5: phase over (u0, v0) / rho."""
    unit = float(data["alpha"]) / float(data["rho"])
    figure, axes = style.panels(1, data.sizes["rule"], width=3.6, height=3.4, sharex=True,
                                sharey=True)
    x, y = data["first_factor"].values * unit, data["last_factor"].values * unit
    wrong = total = 0
    for r, place in enumerate(axes.flat):
        part = data.isel(rule=r).transpose("first_factor", "last_factor", ...)
        phase = part["phase_mean"].values
        limit = part["limit_phase"].values
        draw_phases(place, x, y, phase, 2)
        name_regions(place, x, y, phase, ["0", "$e_1$", "$e_2$"])
        here, of = draw_mismatches(place, x, y, phase, limit)
        wrong, total = wrong + here, total + of
        name = word(data, "rule", r)
        if name == "linf":
            place.plot([0, 2], [2, 0], "k-", lw=1.6)
            place.text(1.5, 0.7, r"$u_0+v_0=2\rho$", rotation=-45, ha="center", va="center")
        else:
            place.contour(x, y, limit.T, levels=[0.5], colors="black", linewidths=1.6)
        place.set_title(RULES[name])
        place.set_aspect("equal")
    style.outer_labels(axes, r"$u_0\,/\,\rho$", r"$v_0\,/\,\rho$")
    figure.suptitle("Which unbalanced layers survive, $L$ = 2", fontsize=12)
    handles = phase_handles(data["phase_mean"].values, WINNERS)
    style.legend_below(figure, handles + [theory_handle("separatrix"), wrong_handle(wrong, total)])
    return figure


def draw_minor_first(data):
    """P-a3: collapse, minor first, major first over (kappa, alpha / rho)."""
    data = data.transpose("kappa", "alpha", ...)
    rho = float(data["rho"])
    kappa, alpha = data["kappa"].values, data["alpha"].values / rho
    first = data["leader_path_mean"].isel(step=0).values
    measured = np.where(data["phase_mean"].values == 0, 0, first)
    limit, first_theory = data["limit_phase"].values, data["first_leader"].values
    predicted = np.where(limit == 0, 0, first_theory)
    figure, axes = style.panels(1, 1, width=5.2, height=3.6)
    place = axes[0, 0]
    draw_phases(place, kappa, alpha, measured, 2, log_x=True)
    wrong, total = draw_mismatches(place, kappa, alpha, measured, predicted)
    threshold = data["collapse_threshold"].isel(alpha=0).values / rho
    edge = data["window_edge"].isel(alpha=0, coordinate=0).values / rho
    place.plot(kappa, threshold, "k-", lw=1.8)
    place.plot(kappa, edge, "k--", lw=1.8)
    place.set_xlabel(r"$\kappa=\mu_2\,/\,\mu_1$")
    place.set_ylabel(r"$\alpha\,/\,\rho$")
    place.text(kappa[-1] * 0.95, edge[-1] + 0.13, r"$\frac{1+\kappa}{\sqrt{2(1+\kappa^2)}}$",
               ha="right", va="center", fontsize=12)
    figure.suptitle(r"Minor first or major first under $\ell_2$-SAM, $L$ = 2", fontsize=12)
    name_regions(place, kappa, alpha, measured, ["collapse", "minor first", "major first"])
    handles = [theory_handle(r"$\alpha_c(\kappa)$"), theory_handle("window edge", "--"),
               wrong_handle(wrong, total)]
    style.legend_below(figure, handles)
    return figure


def draw_budget(data):
    """P-a2: leaders over alpha / rho and time."""
    rho, eta = float(data["rho"]), float(data["step_size"])
    mu = np.array([float(x) for x in data.attrs["keys"]["examples"].strip("+()").split(",")])
    order = np.sort(mu)
    alpha = data["alpha"].values / rho
    figure, axes = style.panels(1, data.sizes["clock"], width=3.9, height=3.9, sharex=True)
    phases, wrong, total = [], 0, 0
    for c, place in enumerate(axes.flat):
        part = data.isel(clock=c).transpose("alpha", "step", ...)
        time = part["step"].values * eta
        rescaled = word(data, "clock", c) == "rescaled"
        if rescaled:  # runs that have reached the weight limit stand still
            alive = part["phase_path_mean"].values > 0
            end = np.nanmax(np.where(alive, part["tau_path_mean"].values, np.nan))
        else:
            end = time[-1]
        keep = (time >= 20 * eta) & (time <= end)
        part, time = part.isel(step=keep), time[keep]
        phase = part["phase_path_mean"].values
        measured = np.where(phase == 0, 0, part["leader_path_mean"].values)
        phases.append(measured)
        draw_phases(place, alpha, time, measured, len(mu), log_y=True)
        predicted = part["crossover_leader_path_mean"].values
        here, of = draw_mismatches(place, alpha, time, measured, predicted)
        wrong, total = wrong + here, total + of
        crossover = np.where(phase == 0, np.nan, part["crossover_path_mean"].values)
        place.contour(alpha, time, crossover.T, levels=(order[1:] + order[:-1]) / 2,
                      colors="black", linewidths=1.5)
        threshold = float(part["collapse_threshold"].isel(alpha=0)) / rho
        place.axvline(threshold, color="black", ls="--", lw=1.5)
        window = part["window_edge"].isel(alpha=0).values / rho
        for edge in window[np.isfinite(window)]:
            if alpha[0] < edge < alpha[-1]:
                place.annotate("", (edge, time[0]), (edge, time[0] * 1.5), annotation_clip=False,
                               arrowprops=dict(arrowstyle="-|>", color="black", lw=1.2))
        place.set_title("rescaled clock" if rescaled else "logistic clock")
        place.set_ylabel(r"$\tau$" if rescaled else r"$t=\eta k$")
        place.set_xlabel(r"$\alpha\,/\,\rho$")
    figure.suptitle(r"Minor first, major last: who leads under $\ell_2$-SAM, $L$ = 2", fontsize=12)
    names = [rf"$e_{j + 1}$, $\mu$ = {m:g}" for j, m in enumerate(mu)]
    handles = phase_handles(np.concatenate([p.ravel() for p in phases]), names)
    handles += [theory_handle(r"$M=\tau/2\rho\Phi$ between two $\mu_j$"),
                theory_handle(r"collapse: $\alpha_c$", "--"),
                Line2D([], [], color="black", marker="v", ls="", ms=5, label="window edges"),
                wrong_handle(wrong, total)]
    style.legend_below(figure, handles)
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options.result, needs=["phase_mean", "limit_phase"])
    if data.attrs.get("model") != "sam_classification":
        style.fail(f"{options.result}: a result of another model", style.UNSUITABLE)
    many = {axis for axis in data.sizes if data.sizes[axis] > 1}
    if {"alpha_1", "alpha_2"} <= many:
        draw, used = draw_starts, {"alpha_1", "alpha_2", "rule", "depth"}
    elif {"first_factor", "last_factor"} <= many:
        draw, used = draw_layers, {"first_factor", "last_factor", "rule"}
    elif {"alpha", "kappa"} <= many:
        draw, used = draw_minor_first, {"alpha", "kappa"}
    elif "alpha" in many:
        draw, used = draw_budget, {"alpha", "clock"}
    else:
        style.fail(f"{options.result}: needs two or more values of alpha_1 and alpha_2, of "
                   "first_factor and last_factor, or of alpha", style.UNSUITABLE)
    if draw in (draw_minor_first, draw_budget) and "leader_path_mean" not in data:
        style.fail(f"{options.result}: has no path; run the sweep with 'record = 250'",
                   style.UNSUITABLE)
    others = [axis for axis in data["phase_mean"].dims if axis not in used]
    style.save(draw(data.isel({axis: 0 for axis in others})), options)


if __name__ == "__main__":
    main()

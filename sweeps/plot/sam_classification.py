#!/usr/bin/python3
"""Draws the phase diagrams of SAM on diagonal networks for classification.

Colours are the coordinate e_j that leads at the end, grey a network that has collapsed; lines are
theory's, and black dots mark the cells that ended elsewhere than predicted. Which diagram it is
follows from the axes of the result, in this order:

  alpha_1, alpha_2           starts of two coordinates (P-a1, P-a4)
  first_factor, last_factor  unbalanced layers (P-a5)
  alpha, kappa               collapse, minor first, major first; needs 'record' (P-a3)
  alpha                      leaders along the run, by the clock; needs 'record' (P-a2)

There is a panel for each depth and rule.
"""

import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import style

# Light tints, told apart by colour-blind readers and in grey print, on which black lines show.
COLLAPSED = "#8A8A8A"
LEADERS = ["#FBE3B5", "#8CC5E8", "#2F78B0", "#D9A0C0", "#8CD0B8", "#C8D96F", "#E8A27C", "#F5F5F5"]
RULES = {"gd": "gradient descent", "linf": r"$\ell_\infty$-SAM", "l2": r"$\ell_2$-SAM"}
LINE = {"color": "black", "lw": 1.6}


def leaders(count):
    """A colour for each coordinate."""
    return LEADERS[:count] if count <= len(LEADERS) else list(
        matplotlib.colormaps["viridis"](np.linspace(0.2, 1, count)))


def edges(centres, logarithmic=False):
    """Cell borders half-way between the centres."""
    x = np.log(centres) if logarithmic else np.asarray(centres, float)
    middle = (x[1:] + x[:-1]) / 2
    x = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    return np.exp(x) if logarithmic else x


def draw_phases(axes, x, y, phase, count, log_x=False, log_y=False):
    """Cells of 0 (collapsed) or a leader of so many coordinates. phase: [x][y]"""
    axes.pcolormesh(edges(x, log_x), edges(y, log_y), phase.T, vmin=-0.5, vmax=count + 0.5,
                    cmap=ListedColormap([COLLAPSED, *leaders(count)]), rasterized=True)
    if log_x:
        style.log_axis(axes.xaxis, x)
    if log_y:
        style.log_axis(axes.yaxis, y)
    axes.set_xlim(edges(x, log_x)[[0, -1]])
    axes.set_ylim(edges(y, log_y)[[0, -1]])


def smooth(values):
    """The mean with the neighbours along both axes, so that borders of cells lose their steps."""
    for axis in (0, 1):
        padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        ends = [np.take(padded, range(first, first + values.shape[axis]), axis)
                for first in (0, 2)]
        values = (ends[0] + 2 * values + ends[1]) / 4
    return values


def draw_borders(axes, x, y, limit):
    """The lines between the phases that theory predicts, where it does. Returns whether any."""
    known = np.isfinite(limit)
    drawn = False
    for phase in np.unique(limit[known])[:-1]:
        # Each line once: below it are the phases up to this one.
        lower = np.where(known & (limit <= phase), 1.0, 0)
        share = smooth(lower) / np.maximum(smooth(known.astype(float)), 1e-9)
        share = np.pad(np.ma.array(share, mask=~known).filled(np.nan), 1, mode="edge")
        lines = style.contour(axes, ends(x), ends(y), share.T, [0.5], colors="black",
                              linewidths=LINE["lw"])
        drawn |= lines is not None
    return drawn


def ends(centres):
    """Centres of cells with the outer borders of the first and last."""
    return np.concatenate([edges(centres)[:1], centres, edges(centres)[-1:]])


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
            amid = np.argmin((i - i.mean())**2 + (j - j.mean())**2)
            axes.text(x[i[amid]], y[j[amid]], name, ha="center", va="center", fontsize=11)


def coordinates(data):
    return [f"$e_{{{j}}}$" for j in data["coordinate"].values]


def unit_of_length(data):
    """rho and how it is written, or 1 where it plays no part."""
    rho = float(data["rho"])
    rules = style.words(data, "rule")
    return (1, "") if rho == 0 or rules == ["gd"] else (rho, r"\,/\,\rho")


def cells(data, axes, **options):
    """A figure with a titled panel for each combination of values of the axes."""
    sizes = [data.sizes[axis] for axis in axes]
    columns = sizes[-1] if 1 < sizes[-1] < np.prod(sizes) else np.prod(sizes)
    figure, grid = style.panels(int(np.prod(sizes) // columns), int(columns), **options)
    parts = [data.isel(dict(zip(axes, at))) for at in np.ndindex(*sizes)]
    for place, part in zip(grid.flat, parts):
        clock = f", {style.words(part, 'clock')[0]} clock" if "clock" in axes else ""
        place.set_title(f"{RULES[style.words(part, 'rule')[0]]}, $L$ = {int(part['depth'])}{clock}")
    return figure, grid, list(zip(grid.flat, parts))


def phase_handles(phases, names):
    handles = [Patch(facecolor=COLLAPSED, label="collapsed")] if (phases == 0).any() else []
    return handles + [Patch(facecolor=leaders(len(names))[j], label=name)
                      for j, name in enumerate(names) if (phases == j + 1).any()]


def theory_handle(label, look="-"):
    return Line2D([], [], ls=look, **LINE, label=label)


def wrong_handle(wrong, cells):
    if wrong == 0:
        return Line2D([], [], ls="",
                      label=f"all {cells} cells as predicted" if cells else "(no prediction)")
    return Line2D([], [], color="black", marker=".", ls="",
                  label=f"{wrong} of {cells} cells not as predicted")


def draw_plane(data, x_axis, y_axis, unit, labels, title):
    """Phases over two axes in a unit of length, a panel for each rule and depth."""
    figure, axes, parts = cells(data, ["rule", "depth"], width=3.6, height=3.4, sharex=True,
                                sharey=True)
    x, y = data[x_axis].values * unit, data[y_axis].values * unit
    names = coordinates(data)
    wrong = total = any_line = 0
    for place, part in parts:
        part = part.transpose(x_axis, y_axis, ...)
        phase, limit = part["phase_mean"].values, part["limit_phase"].values
        draw_phases(place, x, y, phase, len(names))
        any_line |= draw_borders(place, x, y, limit)
        here, of = draw_mismatches(place, x, y, phase, limit)
        wrong, total = wrong + here, total + of
        name_regions(place, x, y, phase, ["0", *names])
        place.set_aspect("equal")
    style.outer_labels(axes, *labels)
    style.title(figure, title, data)
    handles = phase_handles(data["phase_mean"].values, [f"{name} wins" for name in names])
    handles += [theory_handle("theory")] if any_line else []
    style.legend_below(figure, handles + [wrong_handle(wrong, total)])
    return figure


def draw_starts(data):
    """P-a1, P-a4: phase over (alpha_1, alpha_2)."""
    rho, over = unit_of_length(data)
    labels = [rf"$\alpha_{j}{over}$" for j in (1, 2)]
    return draw_plane(data, "alpha_1", "alpha_2", 1 / rho, labels,
                      "Which coordinate wins, by where the two start")


def draw_layers(data):
    """P-a5: phase over the layers (u0, v0)."""
    rho, over = unit_of_length(data)
    labels = [f"${letter}_0{over}$" for letter in "uv"]
    return draw_plane(data, "first_factor", "last_factor", float(data["alpha"]) / rho, labels,
                      "Which unbalanced layers survive")


def draw_minor_first(data):
    """P-a3: collapse, minor first, major first over (kappa, alpha)."""
    rho, over = unit_of_length(data)
    kappa, alpha = data["kappa"].values, data["alpha"].values / rho
    logarithmic = style.is_log_spaced(kappa)
    names = ["minor", "major"] if kappa.min() >= 1 else coordinates(data)
    figure, axes, parts = cells(data, ["rule", "depth"], width=5.2, height=3.6, sharex=True,
                                sharey=True)
    wrong = total = 0
    for place, part in parts:
        part = part.transpose("kappa", "alpha", ...)
        first = part["leader_path_mean"].isel(step=0).values
        measured = np.where(part["phase_mean"].values == 0, 0, first)
        limit = part["limit_phase"].values
        predicted = np.where(limit == 0, 0, part["first_leader"].values)
        draw_phases(place, kappa, alpha, measured, 2, log_x=logarithmic)
        here, of = draw_mismatches(place, kappa, alpha, measured, predicted)
        wrong, total = wrong + here, total + of
        edge = part["window_edge"].isel(alpha=0, coordinate=0).values / rho
        place.plot(kappa, part["collapse_threshold"].isel(alpha=0).values / rho, **LINE)
        place.plot(kappa, edge, ls="--", **LINE)
        if np.isfinite(edge[-1]):
            place.text(kappa[-1] * 0.95, edge[-1] + 0.13,
                       r"$\frac{1+\kappa}{\sqrt{2(1+\kappa^2)}}$", ha="right", va="center",
                       fontsize=12, clip_on=True)
        name_regions(place, kappa, alpha, measured,
                     ["collapse", *(f"{name} first" for name in names)])
    style.outer_labels(axes, r"$\kappa=\mu_2\,/\,\mu_1$", rf"$\alpha{over}$")
    style.title(figure, "Which coordinate is amplified first", data)
    handles = [theory_handle(r"$\alpha_c(\kappa)$"), theory_handle("window edge", "--")]
    style.legend_below(figure, (handles if total else []) + [wrong_handle(wrong, total)])
    return figure


def single_example(data):
    """The mu_j of a single example; of a larger data set none."""
    examples = np.atleast_1d(data.attrs["keys"]["examples"])
    if len(examples) > 1:
        return []
    sign = -1 if examples[0].startswith("-") else 1
    return sign * np.array([float(x) for x in examples[0].lstrip("+-").strip("()").split(",")])


def run_until(part, time):
    """Where the picture ends: runs that have reached the weight limit stand still."""
    if style.words(part, "clock") == ["rescaled"]:
        alive = (part["phase_path_mean"].values > 0) & np.isfinite(part["tau_path_mean"].values)
        return part["tau_path_mean"].values[alive].max(initial=time[1])
    return time[-1]


def draw_budget_lines(place, part, alpha, time, middles, rho):
    """Where theory says that the leader changes, and where the start collapses."""
    predicted = part["crossover_leader_path_mean"].values
    crossover = np.where(np.isfinite(predicted), part["crossover_path_mean"].values, np.nan)
    style.contour(place, alpha, time, crossover.T, middles, colors="black", linewidths=1.5)
    place.axvline(float(part["collapse_threshold"].isel(alpha=0)) / rho, ls="--", **LINE)
    window = part["window_edge"].isel(alpha=0).values / rho
    for edge in window[(window > alpha[0]) & (window < alpha[-1])]:
        place.annotate("", (edge, time[0]), (edge, time[0] * 1.5), annotation_clip=False,
                       arrowprops=dict(arrowstyle="-|>", color="black", lw=1.2))


def draw_budget(data):
    """P-a2: leaders over alpha and time."""
    rho, over = unit_of_length(data)
    mu = single_example(data)
    names = [f"{name}, $\\mu$ = {m:g}" for name, m in zip(coordinates(data), mu)]
    names = names or coordinates(data)
    alpha = data["alpha"].values / rho
    figure, axes, parts = cells(data, ["depth", "rule", "clock"], width=3.9, height=3.9,
                                sharex=True)
    phases, wrong, total = [], 0, 0
    for place, part in parts:
        part = part.transpose("alpha", "step", ...)
        time = part["step"].values * float(data["step_size"])
        keep = (time >= 20 * float(data["step_size"])) & (time <= run_until(part, time))
        if keep.sum() < 2:  # a short run: all of it
            keep = time > 0
        part, time = part.isel(step=keep), time[keep]
        phase = part["phase_path_mean"].values
        measured = np.where(phase == 0, 0, part["leader_path_mean"].values)
        phases.append(measured)
        draw_phases(place, alpha, time, measured, len(names), style.is_log_spaced(alpha), True)
        predicted = part["crossover_leader_path_mean"].values
        here, of = draw_mismatches(place, alpha, time, measured, predicted)
        wrong, total = wrong + here, total + of
        if of:
            order = np.sort(mu)
            draw_budget_lines(place, part, alpha, time, (order[1:] + order[:-1]) / 2, rho)
        rescaled = style.words(part, "clock") == ["rescaled"]
        place.set_ylabel(r"$\tau$" if rescaled else r"$t=\eta k$")
        place.set_xlabel(rf"$\alpha{over}$")
    style.title(figure, "Which coordinate leads, by the start and by the time spent", data)
    handles = phase_handles(np.concatenate([p.ravel() for p in phases]), names)
    if total:
        handles += [theory_handle(r"each run's $M=\tau/2\rho\Phi$ midway between two $\mu_j$"),
                    theory_handle(r"collapse: $\alpha_c$", "--"),
                    Line2D([], [], color="black", marker="v", ls="", ms=5, label="window edges")]
    style.legend_below(figure, handles + [wrong_handle(wrong, total)])
    return figure


def main():
    options = style.arguments(__doc__).parse_args()
    data = style.open_result(options, ["phase_mean", "limit_phase"], "sam_classification")
    many = style.many_axes(data)
    if {"alpha_1", "alpha_2"} <= many:
        draw, used = draw_starts, ["alpha_1", "alpha_2", "rule", "depth"]
    elif {"first_factor", "last_factor"} <= many:
        draw, used = draw_layers, ["first_factor", "last_factor", "rule", "depth"]
    elif {"alpha", "kappa"} <= many:
        draw, used = draw_minor_first, ["alpha", "kappa", "rule", "depth"]
    elif "alpha" in many:
        draw, used = draw_budget, ["alpha", "clock", "rule", "depth"]
    else:
        style.fail(f"{options.result}: needs two or more values of alpha_1 and alpha_2, of "
                   "first_factor and last_factor, or of alpha", style.UNSUITABLE)
    if draw in (draw_minor_first, draw_budget) and "leader_path_mean" not in data:
        style.fail(f"{options.result}: has no path; run the sweep with 'record = 250'",
                   style.UNSUITABLE)
    style.save(draw(style.only(data, options, used)), options)


if __name__ == "__main__":
    main()

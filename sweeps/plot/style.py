"""What the plots share: opening a result file, labels in the paper's letters, colours, saving."""

import argparse
import os
import re
import shlex
import sys
import tomllib

import matplotlib

matplotlib.use("Agg")  # before pyplot: the scripts also run where there is no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import xarray  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: E402

# Exit codes, as the program's own: the file lacks what the picture needs; it can't be read.
UNSUITABLE, UNREADABLE = 2, 3

# Okabe and Ito's palette, told apart by colour-blind readers and, in this order, in grey print.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
THEORY, GREY = "#D55E00", "#666666"

plt.rcParams.update({
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 11,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 150,
})


def colour(j):
    return COLOURS[j % len(COLOURS)]


def marker(j):
    """Another one for every colour, and another pair after each round of the colours."""
    return MARKERS[(j + j // len(COLOURS)) % len(MARKERS)]


def fail(message, code):
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(code)


def arguments(description):
    """A parser with the arguments every script takes; more can be added before parse_args()."""
    summary, _, details = description.strip().partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details.strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", metavar="RESULT.h5", help="a file that 'sharpsweep run' wrote")
    parser.add_argument("-o", "--output", metavar="PICTURE.png",
                        help="the picture to write (default: the result's name, .png)")
    parser.add_argument("--at", action="append", default=[], metavar="AXIS=VALUE",
                        help="draw only this value of an axis, such as rho=0.1 or rule=l2; may be "
                        "given several times")
    return parser


def open_result(options, needs=(), model="ssam"):
    """The result file at the values of --at, its sweep as the dictionary `ds.attrs["keys"]`."""
    path = options.result
    if not os.path.isfile(path):
        fail(f"{path}: no such file", UNREADABLE)
    try:
        with xarray.open_dataset(path, engine="h5netcdf") as opened:
            data = opened.load()
        data.attrs["keys"] = tomllib.loads(data.attrs["sweep"])
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fail(f"{path}: not a sharpsweep result file ({reason})", UNREADABLE)
    if data.attrs.get("model") != model:
        fail(f"{path}: its model is {data.attrs.get('model')}, not {model}", UNSUITABLE)
    for name in needs:
        if name not in data:
            hint = "; run the sweep with 'record = 250'" if "_path_" in name else ""
            fail(f"{path}: has no variable '{name}'{hint}", UNSUITABLE)
    data.attrs["at"] = []
    for choice in options.at:
        data = choose(data, choice)
    return data


def axes_of(data):
    """The axes of the sweep, without the dimensions that a network has of itself."""
    own = ("step", "seed", "coordinate", "layer", "weight_number")
    return [axis for axis in data.dims if axis not in own]


def words(data, axis):
    """The values of an axis as --at takes them: starts and codes by name, else numbers."""
    values, attributes = np.atleast_1d(data[axis].values), data[axis].attrs
    if "flag_meanings" not in attributes:
        return [f"{value:g}" for value in values]
    names = attributes["flag_meanings"].split()
    if axis == "init":  # as the sweep file wrote them
        names = np.atleast_1d(data.attrs["keys"]["init"])
    codes = list(np.atleast_1d(attributes["flag_values"]))
    return [str(names[codes.index(value)]) for value in values]


def choose(data, choice):
    """The dataset at AXIS=VALUE."""
    axis, _, value = choice.partition("=")
    if axis not in axes_of(data):
        fail(f"--at {choice}: no such axis; the result has {', '.join(axes_of(data))}", UNSUITABLE)
    names = words(data, axis)
    index = names.index(value) if value in names else nearest(data[axis], value)
    if index is None:
        known = ", ".join(names if len(names) < 9 else [*names[:3], "...", names[-1]])
        fail(f"--at {choice}: no such value; {axis} has {known}", UNSUITABLE)
    data = data.isel({axis: [index]})
    data.attrs["at"] = data.attrs["at"] + [f"{axis} = {names[index]}"]
    return data


def nearest(axis, value):
    """Index of the axis's value that is this number to three digits, if there is one."""
    try:
        off = np.abs(axis.values - float(value))
    except ValueError:
        return None
    index = int(np.argmin(off))
    close = "flag_values" not in axis.attrs and off[index] <= 1e-3 * abs(float(value))
    return index if close else None


def only(data, options, drawn):
    """The dataset with the axes to be drawn alone: of any other it may have but one value."""
    missing = [axis for axis in drawn if axis not in data.dims]
    if missing:
        fail(f"{options.result}: sweep the axes {', '.join(missing)}", UNSUITABLE)
    others = [axis for axis in axes_of(data) if axis not in drawn]
    many = [axis for axis in others if data.sizes[axis] > 1]
    if many:
        choices = " ".join("--at " + shlex.quote(f"{axis}={words(data, axis)[0]}") for axis in many)
        fail(f"{options.result}: has several values of {', '.join(many)}; choose, for instance, "
             f"{choices}", UNSUITABLE)
    return data.isel({axis: 0 for axis in others})


def many_axes(data):
    return {axis for axis in axes_of(data) if data.sizes[axis] > 1}


def title(figure, text, data):
    """The figure's title, with the values that --at chose."""
    size = min(12, figure.get_figwidth() / (0.0072 * letters(text)))
    figure.suptitle("\n".join([text, ", ".join(data.attrs["at"])]).strip(), fontsize=size)


def letters(text):
    """How long a text with formulas is, roughly."""
    return len(re.sub(r"\\\w+|[${}]", "", text))


def save(figure, options):
    path = options.output or os.path.splitext(options.result)[0] + ".png"
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        fail(f"{path}: can't be written ({error})", UNREADABLE)


def longest_axis(data, axes):
    """The axis with the most values (the first among equals)."""
    return max(axes, key=lambda axis: data.sizes[axis])


def spread(count, most):
    """At most so many of the indices below count, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def axis_labels(data, axis):
    """Names of an axis's values for a legend; starts as the sweep file wrote them."""
    if axis == "init":
        return words(data, axis)
    symbol = {"depth": "$L$", "eta": r"$\eta$"}.get(axis) or step_size_symbol(data)
    return [f"{symbol} = ${number(value)}$" for value in np.atleast_1d(data[axis].values)]


def target_label(in_threshold_units):
    unit = r"$w^*\,/\,\tau_{exist}(\eta, L)$" if in_threshold_units else "$w^*$"
    return f"target {unit}"


def is_log_spaced(values):
    """Whether values > 0 lie evenly on a logarithmic axis."""
    return len(values) > 2 and values[0] > 0 and np.ptp(np.diff(np.log(values))) < 1e-6


def step_size_symbol(data):
    if data.attrs["keys"].get("step_size_unit") == "scaled":
        return r"$\alpha\,\eta^{2L-2}$"
    return r"$\alpha$"


def number(value):
    """A number as short as it reads: 0.0002 -> 2·10⁻⁴ in mathtext, without dollar signs."""
    text = f"{value:.3g}"
    if "e" not in text and (value == 0 or 1e-3 <= abs(value) < 1e5):
        return text
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa}\cdot{power}"


def panels(rows, columns, width=3.0, height=2.6, **options):
    """A grid of axes in constrained layout; a single row of more than four is broken into rows."""
    count = rows * columns
    if rows == 1 and columns > 4:
        rows = -(-columns // 4)
        columns = -(-columns // rows)
    figure, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained",
                                figsize=(max(width * columns, 4.5), height * rows + 0.7), **options)
    figure.get_layout_engine().set(wspace=0.04, hspace=0.04)
    for place in axes.flat[count:]:
        place.set_visible(False)
    return figure, axes


def contour(axes, x, y, z, levels, **look):
    """Contours of z, [y][x], at those levels that it crosses. Returns None where there are none."""
    levels = [level for level in levels if (z < level).any() and (z > level).any()]
    if levels and min(z.shape) > 1:
        return axes.contour(x, y, z, levels=levels, **look)
    return None


def log_axis(axis, values):
    """A logarithmic axis with plain numbers, close enough together for the values' range."""
    values = np.abs(values[np.isfinite(values) & (values != 0)])
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    narrow = values.max() < 8 * values.min()
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]) if narrow
                           else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def points(axes, x, y, low, high, **look):
    """Points with the interval from low to high where there is one; missing values are left out."""
    known = np.isfinite(y)
    spread = np.nan_to_num([y - low, high - y]).clip(0)
    axes.errorbar(np.asarray(x)[known], y[known], spread[:, known], **look)


def outer_labels(axes, x, y):
    """Labels the lowest panel of each column and the first of each row."""
    for column in axes.T:
        lowest = [place for place in column if place.get_visible()][-1]
        lowest.set_xlabel(x)
        lowest.xaxis.set_tick_params(labelbottom=True)
    for place in axes[:, 0]:
        place.set_ylabel(y)


def legend_below(figure, handles):
    """One legend for all panels in a strip of its own below them, where it hides no data."""
    width, height = figure.get_size_inches()
    longest = max(letters(handle.get_label()) for handle in handles)
    columns = max(1, min(len(handles), int(width / (0.55 + 0.075 * longest))))  # in inches
    rows = -(-len(handles) // columns)
    columns = -(-len(handles) // rows)
    strip = (0.1 + 0.2 * rows) / height
    figure.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))
    figure.legend(handles=handles, loc="lower center", ncol=columns, borderaxespad=0.3)


def step_times(data, depth, step_size, eta):
    """The time t = sum of alpha_k at the recorded steps, for any schedule of the sweep."""
    keys = data.attrs["keys"]
    scaled = keys.get("step_size_unit") == "scaled"
    alpha = step_size / eta ** (2 * depth - 2) if scaled else step_size
    steps = data["step"].values.astype(float)
    name, _, rest = keys.get("schedule", "constant").partition("(")
    if name == "constant":
        return alpha * steps
    numbers = [float(part) for part in rest.rstrip(")").split(",")]
    start, power = numbers[0], numbers[1] if len(numbers) > 1 else 1.0
    if power == 1:
        return alpha * start * np.log1p(steps / start)
    return alpha * start * ((1 + steps / start) ** (1 - power) - 1) / (1 - power)

"""Runs the sharpsweep binary for the Python tests."""
import hashlib
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("SHARPSWEEP", str(ROOT / "build" / "sharpsweep"))
# HDF5 and the program must not find an answer in the caller's surroundings.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("HDF5_", "SHARPSWEEP"))}


def run(*arguments, cwd=None, timeout=60, **more):
    """The finished process, with text output."""
    return subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, timeout=timeout, text=True,
                          env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more)


def scratch_folder():
    """A temporary folder, in memory where there is one: syncing costs nothing there."""
    memory = pathlib.Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def seal(path):
    """Gives a file that was changed with another program the checksum line that ends ours."""
    data = pathlib.Path(path).read_bytes()
    mark = b"\nsharpsweep sha256 "
    place = data.rfind(mark)
    data = data[:place] if place >= 0 and len(data) - place == len(mark) + 65 else data
    pathlib.Path(path).write_bytes(data + mark + hashlib.sha256(data).hexdigest().encode() + b"\n")


def sweep_text(**keys):
    """A sweep file that holds these keys; lists become lists, text is quoted."""
    def literal(value):
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(literal, value)) + "]"
        return f'"{value}"' if isinstance(value, str) else repr(value)
    return "".join(f"{key} = {literal(value)}\n" for key, value in keys.items())


def key_rows_of_ssam():
    """(name, values, meaning, default, "; an axis" or "") of each, from `sharpsweep models ssam`."""
    import re
    text = run("models", "ssam").stdout.split("\n\n")[1]
    rows = []
    for entry in re.split(r"\n(?=  \w)", text.rstrip()):  # further lines are indented to a column
        first, *rest = entry.split("\n")
        name, values = first.split(None, 1)
        meaning = " ".join(line.strip() for line in rest)
        rows.append((name, values,
                     *re.fullmatch(r"(.*) \(default (.*?)(; an axis)?\)", meaning).groups("")))
    return rows


def keys_of_ssam():
    """Every key with its default."""
    return {row[0]: row[3] for row in key_rows_of_ssam()}

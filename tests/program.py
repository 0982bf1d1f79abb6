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


def keys_of_ssam():
    """Every key with its default, as `sharpsweep models ssam` tells it."""
    import re
    text = run("models", "ssam").stdout.split("\n\n")[1]
    names = re.findall(r"^  (\w+) ", text, re.M)
    defaults = re.findall(r"\(default (.*?)(?:; an axis)?\)$", text, re.M)
    assert len(names) == len(defaults) > 0, text
    return dict(zip(names, defaults))

#!/usr/bin/env python3
"""Machine code from the kernels' PTX: the assembler takes it all, and no kernel of ssam in single
precision needs memory for its registers up to depth 8, whatever its bundle.

Usage: machine_code_test.py NVCC PTX_FOLDER
"""
import pathlib
import re
import subprocess
import sys
import tempfile

COUNTED = "launch_f32.ptx"
OTHERS = {"batch.ptx", "coupled_f32.ptx", "coupled_f64.ptx", "launch_f64.ptx"}
SPILL_FREE = 8  # up to this depth
KERNELS = {(depth, bundle) for depth in range(1, 17) for bundle in (1, 4, 8)
           if depth <= 8 or bundle < 8}
KERNEL = re.compile(r"train_sliceILi(\d+)ELi(\d+)EfE.*?(\d+) bytes stack frame, "
                    r"(\d+) bytes spill stores, (\d+) bytes spill loads", re.S)


def assemble(nvcc, ptx, *options):
    """What the assembler says of the kernels."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([nvcc, "-cubin", "-arch=sm_90", f"-Xptxas={','.join(options)}", ptx,
                               "-o", f"{folder}/code.cubin"],
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{ptx} can't be assembled:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def main(nvcc, folder):
    found = {path.name: path for path in pathlib.Path(folder).glob("*.ptx")}
    if found.keys() != {COUNTED, *OTHERS}:
        sys.exit(f"{folder}: missing or unknown: {sorted(found.keys() ^ {COUNTED, *OTHERS})}")
    for name in sorted(OTHERS):  # without optimisation, which would take three times as long
        assemble(nvcc, found[name], "-O0")
    in_memory = {}
    for depth, bundle, *sizes in re.findall(KERNEL, assemble(nvcc, found[COUNTED], "-O3", "-v")):
        in_memory[int(depth), int(bundle)] = sum(map(int, sizes))
    if in_memory.keys() != KERNELS:
        sys.exit(f"kernels that are missing or unknown: {sorted(in_memory.keys() ^ KERNELS)}")
    if wrong := {key: n for key, n in in_memory.items() if n and key[0] <= SPILL_FREE}:
        sys.exit(f"bytes of stack and spills by (depth, bundle): {wrong}")
    print(f"{len(in_memory)} kernels; those up to depth {SPILL_FREE} spill nothing")


main(*sys.argv[1:])

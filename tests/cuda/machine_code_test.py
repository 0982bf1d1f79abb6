#!/usr/bin/env python3
"""Machine code from the kernels' PTX: all of it can be made, and no kernel of ssam in single
precision spills a register up to depth 8, whatever its bundle.

Usage: machine_code_test.py NVCC PTX_FOLDER
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SPILL_FREE = 8  # the deepest network
BUNDLES = {1, 4, 8}
DEPTHS = set(range(1, 17))
KERNEL = re.compile(r"train_sliceILi(\d+)ELi(\d+)EfE.*?(\d+) bytes spill stores, (\d+) bytes spill "
                    r"loads", re.S)


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
    counted, *others = sorted(pathlib.Path(folder).glob("*.ptx"),
                              key=lambda path: path.name != "launch_f32.ptx")
    if counted.name != "launch_f32.ptx" or len(others) != 4:
        sys.exit(f"{folder} has not the PTX of all kernels: {[p.name for p in (counted, *others)]}")
    for ptx in others:  # as quickly as the assembler can
        assemble(nvcc, ptx, "-O0")
    spills = {}
    for depth, bundle, *bytes_ in re.findall(KERNEL, assemble(nvcc, counted, "-O3", "-v")):
        spills[int(depth), int(bundle)] = sum(map(int, bytes_))
    expected = {(depth, bundle) for depth in DEPTHS for bundle in BUNDLES
                if bundle < 8 or depth <= SPILL_FREE}
    if spills.keys() != expected:
        sys.exit(f"kernels that are missing or unknown: {sorted(spills.keys() ^ expected)}")
    if wrong := {key: count for key, count in spills.items() if count and key[0] <= SPILL_FREE}:
        sys.exit(f"bytes of spills by (depth, bundle): {wrong}")
    print(f"{len(spills)} kernels; those up to depth {SPILL_FREE} spill nothing")


main(*sys.argv[1:])

#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Usage: bash tests/run.sh [CTEST OPTION...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../sweeps/prepare.sh"

need "${BUILD_PACKAGES[@]}" "${PLOT_PACKAGES[@]}" python3-netcdf4 netcdf-bin octave clang clang-tidy
want libbenchmark-dev
want octave-netcdf
want slurmctld slurmd slurm-client munge # for one test, which is skipped without
options=()
# Without a GPU nothing runs machine code; a test makes that of one generation from the PTX.
if [ ! -e "$ROOT/build/CMakeCache.txt" ] && ! nvidia-smi -L >/dev/null 2>&1; then
    options+=(-DSHARPSWEEP_MACHINE_CODE=)
fi
build "$ROOT/build" "${options[@]}"
# One more than there are cores: some wait for a disk, a clock or SLURM.
ctest --test-dir "$ROOT/build" --output-on-failure --no-tests=error -j "$(($(nproc) + 1))" "$@"
if [ -d "$ROOT/build/kernels/ptx" ] &&
    grep -q '^SHARPSWEEP_MACHINE_CODE:.*=$' "$ROOT/build/CMakeCache.txt"; then
    echo "build/sharpsweep has no GPU's machine code, only PTX, which a GPU's driver compiles first." \
        "To add it: cmake -USHARPSWEEP_MACHINE_CODE build && cmake --build build"
fi

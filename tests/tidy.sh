#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over the program's sources; the instruction-set files are
# left to their compilers. Usage: bash tests/tidy.sh BUILD_FOLDER
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command -v clang-tidy >/dev/null || { echo "skipped: clang-tidy is not installed"; exit 77; }
cd "$ROOT"
# In depth, the analyser takes five times as long as everything else; sanitizers run what it guesses.
SHALLOW=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow)
find host -name '*.cpp' ! -name '*_avx*' ! -name '*_scalar.cpp' ! -name no_cuda.cpp -print0 |
    xargs -0 -n 2 -P "$(nproc)" clang-tidy --quiet "${SHALLOW[@]}" -p "$1" 2>/dev/null
echo "clang-tidy is clean"

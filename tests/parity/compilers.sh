#!/usr/bin/env bash
# One digest for every compiler and optimisation level: builds the CPU backend with g++ and clang++,
# -O0 and -O3, and runs the golden digests on every instruction set of this machine.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

check() { # COMPILER LEVEL
    local compiler=$1 level=$2 folder=$OUT/$1$2 source
    local flags=(-std=c++20 "$level" -ffp-contract=off -fno-math-errno -w -I "$ROOT/include"
                 -I "$ROOT" -DSHARPSWEEP_HAVE_X86_KERNELS)
    mkdir -p "$folder"
    for source in host/sweep/{axis,key_reader,keys,models,sweep,work_units} \
        host/analysis/max_margin host/coupled/unit_networks \
        host/cpu/{backend,coupled,trainer,dispatch} \
        host/cpu/{kernels,coupled}_scalar host/cpu/{normals,kernels,coupled}_{avx2,avx512} \
        tests/parity/golden_main; do
        case $source in
        *avx2) set -- -mavx2 -mfma ;;
        *avx512) set -- -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma ;;
        *) set -- ;;
        esac
        "$compiler" "${flags[@]}" "$@" -c "$ROOT/$source.cpp" -o "$folder/$(basename "$source").o"
    done
    "$compiler" -pthread "$folder"/*.o -o "$folder/golden"
    echo "$compiler $level"
    "$folder/golden"
}

[ "$(uname -m)" = x86_64 ] || { echo "skipped: not an x86-64 machine"; exit 77; }
for compiler in g++ clang++; do
    if ! command -v "$compiler" >/dev/null; then
        echo "$compiler: not installed, left out"
        continue
    fi
    for level in -O0 -O3; do
        # The tests' own build is this one, and checks the same digests.
        [ "$compiler$level" = g++-O3 ] || check "$compiler" "$level"
    done
done

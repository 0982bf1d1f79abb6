#!/usr/bin/env bash
# One digest for every compiler and optimisation level: builds the CPU backend with g++ and clang++,
# -O0 and -O3, and runs the golden digests on every instruction set of this machine.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

# One object from several sources, which read their headers but once. COMPILER, LEVEL, FOLDER are
# the caller's.
together() { # NAME FLAGS SOURCE...
    local name=$1 flags
    read -ra flags <<<"$2"
    printf '#include "%s.cpp"\n' "${@:3}" |
        "$COMPILER" -std=c++20 "$LEVEL" -ffp-contract=off -fno-math-errno -w -I "$ROOT/include" \
            -I "$ROOT" -DSHARPSWEEP_HAVE_X86_KERNELS -DSHARPSWEEP_CALLS "${flags[@]}" \
            -x c++ -c - -o "$FOLDER/$name.o"
}

check() { # COMPILER LEVEL
    COMPILER=$1 LEVEL=$2 FOLDER=$OUT/$1$2
    mkdir -p "$FOLDER"
    together sweep "" host/sweep/{axis,key_reader,keys,models,sweep,work_units} \
        host/analysis/max_margin host/coupled/unit_networks host/cpu/coupled{,_scalar}
    together backend "" host/sha256 host/cpu/{backend,trainer,dispatch,kernels_scalar} \
        tests/parity/golden_main
    together avx2 "-mavx2 -mfma" host/cpu/{normals,kernels,coupled}_avx2
    if grep -qw avx512vl /proc/cpuinfo; then
        together avx512 "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma" \
            host/cpu/{normals,kernels,coupled}_avx512
    else # zeros for the linker: tables without a name, which nothing asks for
        echo "avx512: not compiled, this machine has none"
        echo "namespace sharpsweep::cpu { alignas(64) extern const char kAvx512Kernels[4096] = {},
            kAvx512CoupledKernels[4096] = {}; }" | "$COMPILER" -w -x c++ -c - -o "$FOLDER/avx512.o"
    fi
    # Of an inline function, the linker takes what it sees first: the scalar objects', anywhere.
    "$COMPILER" -pthread "$FOLDER"/{sweep,backend,avx2,avx512}.o -o "$FOLDER/golden"
    echo "$COMPILER $LEVEL"
    local cases=()
    [ "$LEVEL" != -O0 ] || cases=(few) # without optimisation they take long
    "$FOLDER/golden" "${cases[@]}"
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

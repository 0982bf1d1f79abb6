#!/usr/bin/env bash
# Checks a GPU against the golden digests and times it. Needs the CUDA toolkit and a C++ compiler,
# nothing else. Usage: bash tests/gpu_acceptance.sh [--no-timing] [--sanitize] [--objects FOLDER]
#   --sanitize   run the checks (no timing) under compute-sanitizer's memcheck and racecheck
#   --objects    where there is no GPU, compile the program's own source alone and link what CMake
#                compiled in this build folder of the others
# Without a GPU it shows that it compiles to PTX and links; SHARPSWEEP_CUDA_ARCH=sm_90 builds it for
# another machine.
# Exit: 0 all bits agree; 1 some differ; 2 wrong usage; 77 no usable GPU or no nvcc.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OUT=${SHARPSWEEP_ACCEPTANCE_BUILD:-$ROOT/build-acceptance}
OBJECTS= TIMING=() SANITIZE=
while [ $# -gt 0 ]; do
    case $1 in
    --no-timing) TIMING=(--no-timing) ;;
    --sanitize) SANITIZE=yes ;;
    --objects) OBJECTS=${2:-}; shift ;;
    *) echo "gpu_acceptance.sh: '$1' is not --no-timing, --sanitize or --objects FOLDER"; exit 2 ;;
    esac
    shift || { echo "gpu_acceptance.sh: --objects needs a folder"; exit 2; }
done
NVCC=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$NVCC" ] || { echo "skipped: nvcc was not found; install the CUDA toolkit"; exit 77; }

ARCH=${SHARPSWEEP_CUDA_ARCH:-native}
OPTIMISED=(-O3)
if ! nvidia-smi -L >/dev/null 2>&1 && [ "$ARCH" = native ]; then
    ARCH=compute_90 # PTX alone
    OPTIMISED=(-O0 -Xcicc -O0)
    OUT+=-unoptimised
fi
mkdir -p "$OUT"
FLAGS=(-std=c++20 "${OPTIMISED[@]}" -arch="$ARCH" -fmad=false -I "$ROOT/include" -I "$ROOT"
       -Xcompiler=-ffp-contract=off,-fno-math-errno)
AVX2=-Xcompiler=-mavx2,-mfma
AVX512=-Xcompiler=-mavx512f,-mavx512dq,-mavx512bw,-mavx512vl,-mfma
objects=()
rm -f "$OUT/failed"
compile() { # SOURCE [FLAG...]
    local source=$1 object
    object=$OBJECTS/CMakeFiles/sharpsweep_engine.dir/$source.o
    [[ $source != kernels/* ]] ||
        object=$OBJECTS/kernels/CMakeFiles/sharpsweep_cuda.dir/${source#kernels/}.o
    if [[ -n $OBJECTS && $OUT == *-unoptimised && $object -nt $ROOT/$source ]]; then
        objects+=("$object")
        return
    fi
    object=$OUT/${source//\//_}.o
    shift
    objects+=("$object")
    # Nothing to do when the object is newer than every source and was made by the same command.
    if [ -e "$object" ] && [ "$(cat "$object.command" 2>/dev/null)" = "${FLAGS[*]} $*" ] &&
        [ -z "$(find "$ROOT"/{include,kernels,host,tests/gpu,tests/parity} -newer "$object" \
            -name '*.[ch]*' -print -quit)" ]; then
        return
    fi
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    { "$NVCC" "${FLAGS[@]}" "$@" -c "$ROOT/$source" -o "$object" &&
        echo "${FLAGS[*]} $*" >"$object.command" || touch "$OUT/failed"; } &
}
for source in kernels/{launch_f32,launch_f64,coupled_f32,coupled_f64,batch}.cu \
    tests/gpu/acceptance.cu host/sweep/models.cpp \
    host/cpu/{backend,coupled_scalar,trainer,kernels_scalar}.cpp; do
    compile "$source"
done
# Where nothing runs, compiling the kernels of wide instruction sets would only take time.
built=$OBJECTS/CMakeFiles/sharpsweep_engine.dir/host/cpu/kernels_avx2.cpp.o
WIDE=()
if [ "$(uname -m)" = x86_64 ] && [[ $OUT != *-unoptimised || -e $built ]]; then
    WIDE=(-DSHARPSWEEP_HAVE_X86_KERNELS)
    for kernels in normals kernels coupled; do
        compile host/cpu/${kernels}_avx2.cpp "$AVX2"
        compile host/cpu/${kernels}_avx512.cpp "$AVX512"
    done
fi
compile tests/gpu/host.cpp "${WIDE[@]}"
wait
[ ! -e "$OUT/failed" ] || { echo "it does not compile"; exit 1; }
"$NVCC" -arch="$ARCH" "${objects[@]}" -o "$OUT/acceptance"

if [[ $OUT == *-unoptimised ]]; then
    echo "skipped: built, but there is no GPU to run on"
    exit 77
elif [ -n "$SANITIZE" ]; then
    for tool in memcheck racecheck; do
        compute-sanitizer --tool "$tool" --error-exitcode 1 "$OUT/acceptance" --no-timing
    done
else
    "$OUT/acceptance" "${TIMING[@]}"
fi

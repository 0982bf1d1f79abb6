#!/usr/bin/env bash
# Builds the fuzz targets with clang's libFuzzer and the address and undefined-behaviour sanitizers
# and feeds them: the corpus alone, or inputs of their own making for so many seconds each. What they
# find lies in BUILD_FOLDER/found, what is new to them in BUILD_FOLDER/corpus.
# Usage: bash tests/fuzz/run.sh BUILD_FOLDER [SECONDS [TARGET...]]
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
(($# > 0)) || { sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 2; }
BUILD=$1 SECONDS_EACH=${2:-0}
shift $(($# < 2 ? $# : 2))
TARGETS=("$@")
((${#TARGETS[@]})) || TARGETS=(sweep command_line file)

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' \
    >"$probe/probe.cpp"
clang++ -fsanitize=fuzzer,address "$probe/probe.cpp" -o "$probe/probe" 2>/dev/null ||
    { echo "skipped: there is no clang++ with libFuzzer (Debian: clang, libclang-rt-14-dev)"; exit 77; }

mkdir -p "$BUILD/found"
BUILD=$(cd "$BUILD" && pwd)
cmake -S "$HERE" -B "$BUILD" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS="-O1 -fsanitize=fuzzer-no-link" \
    -DSHARPSWEEP_SANITIZE=address,undefined >/dev/null
cmake --build "$BUILD" --target "${TARGETS[@]/%/_fuzz}" >"$BUILD/build.log" 2>&1 ||
    { grep -m 20 -E 'error|FAILED' "$BUILD/build.log"; exit 1; }

# Files are written and read thousands of times: in memory where that is possible.
[ -w /dev/shm ] && TMPDIR=$(mktemp -d -p /dev/shm) || TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$probe" "$TMPDIR"' EXIT
export UBSAN_OPTIONS=print_stacktrace=1
LIMITS=(-timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024)
for target in "${TARGETS[@]}"; do
    echo "== $target"
    if ((SECONDS_EACH == 0)); then
        "$BUILD/${target}_fuzz" "${LIMITS[@]}" -runs=0 "$HERE/corpus/$target" 2>&1 | tail -n 2
        continue
    fi
    # Leaks are looked for when the corpus is replayed: after every input it would take too long.
    mkdir -p "$BUILD/corpus/$target"
    ASAN_OPTIONS=malloc_context_size=1:quarantine_size_mb=16 "$BUILD/${target}_fuzz" "${LIMITS[@]}" \
        -detect_leaks=0 -max_total_time="$SECONDS_EACH" -print_final_stats=1 \
        -dict="$HERE/words.dict" -artifact_prefix="$BUILD/found/$target-" \
        "$BUILD/corpus/$target" "$HERE/corpus/$target" 2>&1 |
        grep -E 'INITED|DONE|ERROR|SUMMARY|defect|Test unit|stat::' || true
done
if [ -n "$(ls -A "$BUILD/found")" ]; then
    echo "found: $(ls "$BUILD/found")"
    exit 1
fi

#!/usr/bin/env bash
# Builds with the address and undefined-behaviour sanitizers and runs the unit, parity and file
# tests, resuming and the fuzz corpus among them. Usage: bash tests/sanitizers.sh BUILD_FOLDER
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# clang++ is quicker than g++, where it has its run-time library. Lines are all that a report needs;
# intrinsics would take many minutes, and the scalar kernels are the same templates.
COMPILER=g++
printf '#include <span>\nint main() {}\n' |
    clang++ -std=c++20 -fsanitize=address,undefined -x c++ - -o /dev/null 2>/dev/null &&
    COMPILER=clang++
BUILD=$(realpath -m "$1")/$COMPILER # another compiler would make CMake forget the options
mkdir -p "$BUILD"
cmake -S "$ROOT" -B "$BUILD" -G Ninja -DCMAKE_CXX_COMPILER="$COMPILER" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG="-O0 -g1" \
    -DCMAKE_UNITY_BUILD=ON -DSHARPSWEEP_SANITIZE=address,undefined \
    -DSHARPSWEEP_{CUDA,SIMD}=OFF >/dev/null
TESTS=({numerics,engine}_tests {toy,parity,dense}_test)
cmake --build "$BUILD" -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" \
    --target sharpsweep "${TESTS[@]}" {sweep,command_line,file}_fuzz >"$BUILD/build.log" 2>&1 ||
    { grep -m 20 -E 'error|FAILED' "$BUILD/build.log"; exit 1; }
export UBSAN_OPTIONS=print_stacktrace=1
# Comparing instruction sets and whole grids, or trying formulas a million times, takes long and
# runs no other code.
export GTEST_FILTER=-Parity.BackendsGiveOneDigest:Parity.GridsEqualTheReference
GTEST_FILTER+=:Parity.AnyPartitionOfTheUnitsGivesOneDigest
GTEST_FILTER+=:Normals.RandomWordsAreWithinTheBounds:PortableMath.RootIsWithinTwoUlp
GTEST_FILTER+=:StationaryVariance.FollowsFromTheHessianAndTheGradientNoise
GTEST_FILTER+=:Basin.IntegratedThresholdsSeparateDescents
GTEST_FILTER+=:Threshold.IntervalsCoverTheTruthAsOftenAsTheyClaim
for program in "${TESTS[@]}"; do
    "$BUILD/tests/$program" --gtest_brief=1
done
ctest --test-dir "$BUILD" --output-on-failure --no-tests=error -R '_fuzz_test$'
export SHARPSWEEP=$BUILD/sharpsweep
/usr/bin/python3 "$ROOT/tests/files/file_test.py" Digest.test_equal_runs_have_equal_bytes \
    Layout.test_h5py Inspection.test_info Inspection.test_verify_takes_a_sample \
    Inspection.test_files_that_are_none_of_ours \
    Inspection.test_a_changed_value_does_not_match_the_digest
/usr/bin/python3 "$ROOT/tests/files/resume_test.py" \
    Extension.test_step_by_step Shards.test_merged_and_extended_by_shards \
    Shards.test_what_is_missing_is_named Status

#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over the program's sources; the instruction-set files
# are left to their compilers. Usage: bash tests/tidy.sh BUILD_FOLDER
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command -v clang-tidy >/dev/null || { echo "skipped: clang-tidy is not installed"; exit 77; }
cd "$ROOT"
# In depth, the analyser takes five times as long as all else; sanitizers run what it guesses.
DEPTH=()
for setting in mode=shallow max-nodes=2000; do
    DEPTH+=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang
        "--extra-arg=$setting")
done
# A source that is compiled by itself in every build has the flags of all.
read -ra FLAGS < <(/usr/bin/python3 - "$1" <<'PY'
import json, pathlib, sys
for entry in json.loads(pathlib.Path(sys.argv[1], "compile_commands.json").read_text()):
    if entry["file"].endswith("host/sweep/models.cpp"):
        command = entry["command"].split(" -o ")[0]
        print(command[command.index(" -"):])
        break
PY
) || { echo "$1/compile_commands.json does not know host/sweep/models.cpp"; exit 1; }
mapfile -t SOURCES < <(find host -name '*.cpp' ! -name '*_avx*' ! -name '*_scalar.cpp' \
    ! -name no_cuda.cpp | sort)

tidy() { # FILE...: some at once, with what they say
    printf '%s\0' "$@" | xargs -0 -I {} -P "$(nproc)" clang-tidy --quiet \
        --config-file="$ROOT/.clang-tidy" "${DEPTH[@]}" {} -- "${FLAGS[@]}" 2>/dev/null
}

# Joined, the sources read their headers but once, and that is most of the time; what is wrong is
# then looked for in each alone, where a message names its line.
JOINED=$(mktemp -d)
trap 'rm -rf "$JOINED"' EXIT
cat "${SOURCES[@]}" >"$JOINED/all.cpp"
if ! tidy "$JOINED/all.cpp" >"$JOINED/messages"; then
    tidy "${SOURCES[@]}" && cat "$JOINED/messages"
    exit 1
fi
echo "clang-tidy is clean"

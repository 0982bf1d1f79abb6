#!/usr/bin/env bash
# From a fresh clone to a phase diagram: installs what is missing, builds, trains the default sweep,
# draws it. Usage: bash sweeps/quickstart.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

need "${BUILD_PACKAGES[@]}" "${PLOT_PACKAGES[@]}"
TARGET=sharpsweep build "$ROOT/build"
mkdir -p "$ROOT/out"
"$ROOT/build/sharpsweep" run "$ROOT/sweeps/quickstart.toml" -o "$ROOT/out/quickstart.h5" --overwrite
"$PYTHON" "$ROOT/sweeps/plot/phase_diagram.py" "$ROOT/out/quickstart.h5" \
    -o "$ROOT/out/quickstart.png"
echo "results  $ROOT/out/quickstart.h5"
echo "picture  $ROOT/out/quickstart.png"

# Sourced by quickstart.sh and tests/run.sh: installs what is missing and builds.
#
#   need PACKAGE...        Debian packages that have to be there; installed where possible
#   build FOLDER [CMAKE OPTION...]   configures and builds $TARGET, or all; a second call rebuilds
#                          nothing needlessly

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD_PACKAGES=(g++ cmake ninja-build pkg-config git libhdf5-dev libcli11-dev nlohmann-json3-dev
                libgtest-dev)
PLOT_PACKAGES=(python3 python3-numpy python3-matplotlib python3-h5py python3-xarray
               python3-h5netcdf)
# The distribution's interpreter: its packages are invisible to others that may come first in PATH.
PYTHON=/usr/bin/python3

need() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            echo "sharpsweep needs these packages, and you are neither root nor have sudo:" >&2
            echo "    apt-get install ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    "${as_root[@]}" apt-get update -qq || true # an old package list may still do
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        echo "these packages could not be installed: ${missing[*]}" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

# Installs packages that can be done without.
want() {
    (need "$@") || echo "going on without $*"
}

build() {
    local folder=$1 log jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
    shift
    mkdir -p "$folder"
    log=$folder/build.log
    # nvcc is often installed without being on the PATH.
    if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then
        PATH=$PATH:/usr/local/cuda/bin
    fi
    echo "building in ${folder#"$PWD"/}"
    # In a unity build, sources that are compiled together read their headers but once.
    if ! { cmake -S "$ROOT" -B "$folder" -G Ninja -DCMAKE_UNITY_BUILD=ON "$@" &&
        cmake --build "$folder" -j "$jobs" ${TARGET:+--target "$TARGET"}; } \
        >"$log" 2>&1; then
        grep -m 20 -E 'error|Error|FAILED' "$log" >&2 || tail -n 20 "$log" >&2
        echo "the build failed; its log is $log" >&2
        exit 1
    fi
}

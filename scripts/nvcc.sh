#!/usr/bin/env bash
# Gets NVIDIA's nvcc and its headers from PyPI into .nvcc/ (or $KACHE_NVCC), at one version, each file by its SHA-256, and prints
# the directory of nvcc for PATH. Nothing outside that folder is changed. No device is needed to compile.
# Exit status: 0 if nvcc is there, 1 if it could not be had, 2 for a wrong argument.
#
# usage: scripts/nvcc.sh [--list]       --list: get nothing, only say whether it is there
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
'' | --list) ;;
*) echo "nvcc.sh: \`$1\` is no option; there is --list" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
dir=${KACHE_NVCC:-$PWD/.nvcc}
bin=$dir/nvidia/cu13/bin

wheels() {
    cat <<'END'
nvidia-cuda-nvcc==13.0.88 --hash=sha256:56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03
nvidia-nvvm==13.0.88 --hash=sha256:c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0
nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cccl==13.0.85 --hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649
END
}

if [ ! -f "$dir/complete" ]; then
    if [ "${1:-}" = --list ]; then
        echo "nvcc.sh: not there yet: run scripts/nvcc.sh" >&2
        exit 1
    fi
    rm -rf "$dir"
    mkdir -p "$dir/wheels"
    wheels >"$dir/wheels.txt"
    # The wheels of this platform, whatever the newest pip would choose.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --requirement "$dir/wheels.txt" --dest "$dir/wheels" ||
        { echo "nvcc.sh: PyPI does not have the wheels, or cannot be reached" >&2; exit 1; }
    for wheel in "$dir"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$dir"
    done
    chmod +x "$bin"/* "$dir/nvidia/cu13/nvvm/bin/cicc"
    rm -r "$dir/wheels"
    "$bin/nvcc" --version >/dev/null
    touch "$dir/complete"
fi
echo "$bin"

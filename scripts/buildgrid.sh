#!/usr/bin/env bash
# Installs BuildGrid, a server of the Remote Execution API that the tests use, below .tools: scripts/buildgrid.sh
#
# The versions are those of scripts/buildgrid.txt. The program is .tools/bin/bgd; tests look for `bgd` on PATH, to which
# scripts/test.sh and .ci/run add .tools/bin. Does nothing if these versions are installed.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

venv=.tools/buildgrid
cmp -s scripts/buildgrid.txt "$venv/installed.txt" && exit
rm -rf "$venv"
mkdir -p .tools/bin
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --no-deps --only-binary :all: --requirement scripts/buildgrid.txt
ln -sf ../buildgrid/bin/bgd .tools/bin/bgd
.tools/bin/bgd --help >/dev/null
cp scripts/buildgrid.txt "$venv/installed.txt"

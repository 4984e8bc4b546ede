#!/usr/bin/env bash
# Fails where the engine names a family of compilers, in code or in comments: scripts/families.sh [DIRECTORY, the repository's]
# The engine is for any command; what is true of one family belongs to its front end.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "${1:-$(dirname "$0")/..}"

# The attributes of kache's own lints are left out: they are about kache's code.
[ -d kache/core/src ] && [ -d kache/core/preload ]
found=$(grep -rniE 'rustc|rustdoc|clippy|gcc|g\+\+|clang|msvc|cl\.exe|nvcc|\b(rlib|rmeta)' kache/core/src kache/core/preload |
    grep -v 'clippy::' || true)
if [ -n "$found" ]; then
    printf '%s\n\nfamilies.sh: the engine names a family of compilers\n' "$found" >&2
    exit 1
fi
echo "the engine names no family of compilers"

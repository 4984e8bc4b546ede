#!/usr/bin/env bash
# Builds the manual as a web site in target/book: scripts/book.sh [OPTION OF mdbook build…]
#
# Needs mdBook: cargo install --locked mdbook. A warning of mdBook is an error.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

if ! command -v mdbook >/dev/null; then
    echo "book.sh: mdBook is missing: cargo install --locked mdbook" >&2
    exit 1
fi
said=$(mdbook build kache/docs "$@" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
printf '%s\n' "$said"
if grep -qE '^ *(WARN|ERROR)' <<<"$said"; then
    echo "book.sh: mdBook warns, see above" >&2
    exit 1
fi

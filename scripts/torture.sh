#!/usr/bin/env bash
# Hurts kache in every way there is, and demands what the plain compiler makes: scripts/torture.sh [MINUTES, 1] [OPTION…]
# Prints what was done and survived; exits 1 at the first wrong byte, with the seed that finds it again. Options go to
# `kache-bench torture`: --seed N, --ordeal NAME, --scale PERCENT, --keep.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=1
case ${1:-} in '' | -*) ;; *) minutes=$1; shift ;; esac
if ! [[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
    echo "torture.sh: \`$minutes\` is no number of minutes" >&2
    exit 2
fi

# Two engines that can be hurt: as it is, and with another format of the store.
target=${CARGO_TARGET_DIR:-target}
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
engine() { # name
    cargo build --quiet --release --locked -p kache --features faults
    # Moved away: what can be hurt is not for anybody to find where a kache is looked for.
    mv "$target/release/kache" "$programs/$1"
}
KACHE_STORE_FORMAT=v0 engine other
engine kache
cargo build --quiet --release --locked -p kache-bench
"$target/release/kache-bench" torture --minutes "$minutes" --kache "$programs/kache" --other "$programs/other" "$@"

#!/usr/bin/env bash
# Injects faults into kache while builds run, and requires what the plain compiler makes: scripts/stress.sh [MINUTES, 1] [OPTION…]
# Prints how often each fault was survived; exits 1 at the first wrong byte and prints the seed that reproduces it. Options go to
# `kache-bench stress`: --seed N, --scenario NAME, --scale PERCENT, --keep.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=1
case ${1:-} in '' | -*) ;; *) minutes=$1; shift ;; esac
if ! [[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
    echo "stress.sh: \`$minutes\` is not a number of minutes" >&2
    exit 2
fi

# Two builds with fault injection: the current store format, and another one.
target=${CARGO_TARGET_DIR:-target}
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
engine() { # name
    cargo build --quiet --release --locked -p kache --features faults
    # Moved away: a kache with fault injection must not stay where users run it from.
    mv "$target/release/kache" "$programs/$1"
}
KACHE_STORE_FORMAT=v0 engine other
engine kache
cargo build --quiet --release --locked -p kache-bench
"$target/release/kache-bench" stress --minutes "$minutes" --kache "$programs/kache" --other "$programs/other" "$@"

#!/usr/bin/env bash
# Injects faults into kache while builds run, and requires what the plain compiler makes: scripts/stress.sh [MINUTES, 1] [OPTION…]
# Prints how often each fault was survived; exits 1 at the first wrong byte and prints the seed that reproduces it. Options go to
# `kache-bench stress`: --seed N, --scenario NAME, --scale PERCENT, --keep.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

minutes=1
case ${1:-} in '' | -*) ;; *) minutes=$1; shift ;; esac
if ! [[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
    echo "stress.sh: \`$minutes\` is not a number of minutes" >&2
    exit 2
fi

# Two builds with fault injection: the current store format, and another one. KACHE_STRESS_PROFILE is their cargo profile.
profile=${KACHE_STRESS_PROFILE:-release}
target=${CARGO_TARGET_DIR:-target}
as_tests=()
case $profile in
    # With the features of the whole workspace and of its tests: what the tests have compiled is not compiled again.
    dev) built=$target/debug as_tests=(--test roundtrip --features kache-bench/remote) ;;
    *) built=$target/$profile ;;
esac
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
build() { # option…
    cargo build --quiet --profile "$profile" --locked --workspace --bin kache "${as_tests[@]}" "$@"
}
build --features kache/faults --bin kache-bench
cp "$built/kache-bench" "$programs/"
# Moved away: a kache with fault injection must not stay where users run it from.
mv "$built/kache" "$programs/kache"
KACHE_STORE_FORMAT=v0 build --features kache/faults
mv "$built/kache" "$programs/other"
[ "$profile" = dev ] || build --bin kache-bench
"$programs/kache-bench" stress --minutes "$minutes" --kache "$programs/kache" --other "$programs/other" "$@"

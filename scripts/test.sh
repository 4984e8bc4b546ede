#!/usr/bin/env bash
# Runs all tests of the workspace: scripts/test.sh [OPTION OF CARGO-NEXTEST…]
#
# Installs cargo-nextest below .tools if it is missing. A test that lacks a tool of the machine says `left out` and passes; with
# KACHE_REQUIRE_TOOLS=1 it fails. nextest reads its profile from NEXTEST_PROFILE, and the number of tests that run side by side
# from NEXTEST_TEST_THREADS.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

# The tests are about kache, not about the wrapper of this build.
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER
# Tests make steps on the file system fail on demand.
features=kache/faults,kache-bench/remote

export PATH="$PWD/.tools/bin:$PATH"
[ "${KACHE_REQUIRE_TOOLS:-}" != 1 ] || scripts/buildgrid.sh
if ! cargo nextest --version >/dev/null 2>&1; then
    echo "test.sh: installing cargo-nextest below .tools"
    # Without optimisation it takes a third of the time to build, and no test is slower.
    cargo install --quiet --locked --debug --root .tools cargo-nextest --no-default-features --features default-no-update
fi
cargo nextest run --workspace --features "$features" --locked "$@"
# nextest does not run the examples in documentation.
cargo test --workspace --features "$features" --locked --quiet --doc

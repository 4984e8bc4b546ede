#!/usr/bin/env bash
# The steps of action.yml and .github/actions/summary, as GitHub's runner calls them: scripts/action.sh places|install|wire|summary
# Trouble of kache's own is a warning: the build then goes on without it.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
base=${RUNNER_TOOL_CACHE:-$HOME}/kache
tools=$base/program cache=$base/cache

warn() { echo "::warning title=kache::$1"; }

# Where things are, and which program this is: its sources and the compiler that builds it.
places() {
    local sources
    sources=$(cd "$top" && find kache Cargo.toml Cargo.lock -type f -not -path 'kache/fuzz/*' -not -path 'kache/docs/*' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cat | git hash-object --stdin)
    {
        echo "tools=$tools"
        echo "cache=$cache"
        echo "program=${RUNNER_OS:-unknown}-${RUNNER_ARCH:-unknown}-$({ rustc -V 2>/dev/null || echo none; } | tr -c 'a-zA-Z0-9.\n' -)-$sources${KACHE_REMOTE_URL:+-remote}"
    } >>"$GITHUB_OUTPUT"
}

# Builds it, unless it came out of the cache.
install() {
    if [ "${RUNNER_OS-}" = Windows ]; then
        warn "kache does not run on Windows yet; the build goes on without it"
    elif [ ! -x "$tools/bin/kache" ] && ! cargo install --locked --path "$top/kache" --root "$tools"; then
        warn "kache could not be built (it needs cargo 1.95 or later and a C compiler); the build goes on without it"
    fi
    # The agent is a separate package, needed only for a remote.
    if [ -n "${KACHE_REMOTE_URL-}" ] && [ -x "$tools/bin/kache" ] && [ ! -x "$tools/bin/kache-agent" ] &&
        ! cargo install --locked --path "$top/kache/agent" --root "$tools"; then
        warn "kache-agent could not be built; the build goes on without the remote"
    fi
}

wire() {
    local kache=$tools/bin/kache
    if [ ! -x "$kache" ]; then return; fi
    # What earlier runs did is no part of this job's account.
    rm -f "$cache"/v1/events/*
    {
        echo "KACHE_CACHE_DIR=$cache"
        echo "KACHE_MAX_SIZE=${KACHE_ACTION_MAX_SIZE:-2G}"
        # Incremental state does not come with a checkout, and what was compiled on it cannot be kept.
        echo "CARGO_INCREMENTAL=0"
        if [ "${KACHE_ACTION_RUST:-true}" = true ]; then echo "RUSTC_WRAPPER=$kache"; fi
        case ${KACHE_ACTION_CC:-false} in
        env) printf '%s\n' "CC=$kache ${CC:-cc}" "CXX=$kache ${CXX:-c++}" ;;
        launcher) printf '%s\n' "CMAKE_C_COMPILER_LAUNCHER=$kache" "CMAKE_CXX_COMPILER_LAUNCHER=$kache" ;;
        esac
    } >>"$GITHUB_ENV"
    echo "$tools/bin" >>"$GITHUB_PATH"
    case ${KACHE_ACTION_CC:-false} in
    false | env | launcher) ;;
    shims)
        KACHE_CACHE_DIR=$cache "$kache" shims install "$base/shims"
        echo "$base/shims" >>"$GITHUB_PATH"
        ;;
    *) warn "cc is \`$KACHE_ACTION_CC\`: env, launcher, shims or false is meant; C and C++ are built without it" ;;
    esac
}

summary() {
    local kache=$tools/bin/kache
    if [ ! -x "$kache" ]; then return; fi
    # All builds of the job: what was recorded before it is gone.
    KACHE_CACHE_DIR=$cache "$kache" report --since 7d --format github >>"$GITHUB_STEP_SUMMARY"
}

case ${1-} in
places | install | wire | summary) "$1" ;;
*)
    echo "action.sh: \`${1-}\` is no step; there are places, install, wire and summary" >&2
    exit 2
    ;;
esac

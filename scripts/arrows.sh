#!/usr/bin/env bash
# Prints how the modules of each crate, and the crates, import each other: scripts/arrows.sh [DIRECTORY, the repository's]
#
# The floors of a group of modules are printed from top to bottom: a module imports only from floors below its own. Exits 1
# when there are no such floors, that is on a cycle, and when a crate imports from a crate that its row in `below` lacks.
# Code that is compiled for unit tests only does not count: items under `#[cfg(test)]`, and files named `tests`.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
scripts=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$scripts/..}"

# A crate, and the crates that it may import from.
below='
kache            kache_report kache_seed kache_frontends kache_core kache_completion
kache_agent      kache_core
kache_report     kache_core
kache_seed       kache_frontends kache_core
kache_frontends  kache_core
kache_core
kache_completion
kache_bench      kache_report kache_frontends kache_core kache_loopback kache_completion
kache_loopback
'

# The directories of the workspace's crates, from the root manifest.
members=$(tr '\n' ' ' <Cargo.toml | sed 's/.*members *= *\[\([^]]*\)\].*/\1/' | tr -d '",')

# What arrows.awk reads: a line for each crate and for each of its sources.
sources() {
    local member name file module
    for member in $members; do
        name=$(sed -n 's/^name *= *"\(.*\)"/\1/p' "$member/Cargo.toml" | head -1 | tr - _)
        echo "crate $name $member"
        while IFS= read -r file; do
            module=${file#"$member/src/"}
            module=${module%.rs}
            module=${module%/mod}
            case $module in main | lib | bin/*) module=- ;; *) module=${module//\//::} ;; esac
            echo "file $name $module $file"
        done < <(find "$member/src" -name tests -prune -o -name '*.rs' ! -name tests.rs -print | LC_ALL=C sort)
    done
}

sources | awk -f "$scripts/arrows.awk" | LC_ALL=C sort -u | awk -v below="${below//$'\n'/;}" -f "$scripts/floors.awk"

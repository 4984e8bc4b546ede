#!/bin/sh
# Installs the caches that kache is measured against into .peers/ (or $KACHE_BENCH_PEERS), each at one version, and says what
# there is and what could not be got. Nothing outside that folder is changed. What is there already is left alone.
# Exit status: 0 if all are there, 1 if some are missing, 2 for a wrong argument.
#
# usage: scripts/peers.sh [--list]       --list: build nothing, only say what is there
set -u
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac

SCCACHE=0.19.0
MBX=1.29.1
KACHE2=2.0.0

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 2
peers=${KACHE_BENCH_PEERS:-$top/.peers}
build=yes
case ${1-} in
'') ;;
--list) build=no ;;
*)
    echo "peers.sh: \`$1\` is no option; there is --list" >&2
    exit 2
    ;;
esac
mkdir -p "$peers/logs" || exit 2
peers=$(CDPATH='' cd -- "$peers" && pwd) || exit 2

missing=0
table=''
row() { # name, version or -, where or why not
    table="$table$1|$2|$3
"
}
have() { row "$1" "$2" "${3#"$top"/}"; }
lack() {
    row "$1" - "$2"
    missing=1
}

last_words() { # log
    grep -E '^(error|E:)' "$1" 2>/dev/null | head -n 1
}

# A program of crates.io: name of the folder, package, version, the program's name, then arguments for cargo install.
from_crates() {
    folder=$1 package=$2 version=$3 program=$4
    shift 4
    bin=$peers/$folder/bin/$program
    log=$peers/logs/$folder.log
    if [ -x "$bin" ] && "$bin" --version 2>/dev/null | grep -qF "$version"; then
        have "$folder" "$version" "$bin"
    elif [ $build = no ]; then
        lack "$folder" "not built yet: run scripts/peers.sh"
    elif ! command -v cargo >/dev/null 2>&1; then
        lack "$folder" "there is no cargo on PATH: install Rust"
    else
        echo "$folder: building $package $version (log: ${log#"$top"/})" >&2
        # The versions it was published with where the registry still has them all, else the newest that fit.
        if install "$folder" "$log" "$package" "$version" --locked "$@"; then
            how=''
        elif grep -q 'failed to select a version' "$log" && install "$folder" "$log" "$package" "$version" "$@"; then
            how=' (not with its own lock file: the registry lacks a version in it)'
        else
            lack "$folder" "cargo install failed: $(last_words "$log") (see ${log#"$top"/})"
            return
        fi
        rm -rf "$peers/build-$folder"
        have "$folder" "$version" "$bin$how"
    fi
}

# From the root directory: a project's own .cargo/config.toml and toolchain file are not the peers'. The target directory
# stays until the build succeeds, so that an interrupted one goes on where it was.
install() { # folder, log, package, version, arguments
    folder=$1 log=$2 package=$3 version=$4
    shift 4
    (cd / && CARGO_TARGET_DIR="$peers/build-$folder" cargo install --quiet --force --registry crates-io \
        --root "$peers/$folder" "$package" --version "=$version" "$@") >"$log" 2>&1
}

# Debian's ccache: what is installed, else the package unpacked, which needs no root.
ccache_of_debian() {
    bin=$peers/ccache/bin/ccache
    log=$peers/logs/ccache.log
    if [ ! -x "$bin" ]; then
        mkdir -p "$peers/ccache/bin"
        installed=$(command -v ccache || true)
        if [ -n "$installed" ]; then
            ln -sf "$installed" "$bin"
        elif [ $build = no ]; then
            lack ccache "neither installed nor unpacked yet: run scripts/peers.sh"
            return
        elif ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
            lack ccache "not on PATH, and there is no apt-get and dpkg to fetch it with"
            return
        elif (cd "$peers/ccache" && apt-get download ccache && dpkg -x ccache_*.deb .) >"$log" 2>&1; then
            ln -sf ../usr/bin/ccache "$bin"
        else
            lack ccache "$(last_words "$log") (see ${log#"$top"/})"
            return
        fi
    fi
    version=$("$bin" --version 2>/dev/null | sed -n '1s/^ccache version //p')
    if [ -n "$version" ]; then
        have ccache "$version" "$bin"
    else
        lack ccache "$bin does not run: $("$bin" --version 2>&1 | head -n 1)"
    fi
}

ccache_of_debian
# Only the local disk cache is measured.
# With S3, beside which `check --remote --beside sccache` measures.
from_crates sccache sccache $SCCACHE sccache --no-default-features --features s3
from_crates mbx mbx $MBX mbx
# Called kache-2 because its program has the name of ours.
from_crates kache-2 kache $KACHE2 kache

printf '%s' "$table" | awk -F'|' '{ printf "%-10s %-10s %s\n", $1, $2, $3 }'
exit $missing

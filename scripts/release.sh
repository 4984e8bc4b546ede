#!/usr/bin/env bash
# Makes the files of a release: scripts/release.sh [OPTION…] [TARGET…]
#
#     --out DIR        where the files go, `dist` without it
#     --programs DIR   packs kache and kache-agent from this directory instead of compiling them; for this machine's target only
#     --test           installs each package of this machine's target into an empty place, and runs what it installed
#     --list           prints the targets, and what each lacks on this machine
#
# For each target: kache-VERSION-TARGET.tar.gz with the programs, completions, man pages and the licence, which `cargo binstall`
# reads too. For Linux also a Debian package and a wheel, from which `pip install` gets the programs. SHA256SUMS has the digests.
#
# Without a target: all for which this machine has a toolchain. The others are named on the standard error stream, and are no
# failure; a target that is named and cannot be built is one. Linux programs need the C library of the machine that compiles
# them, or a newer one: the script prints its version, and the packages require it. There is no static program with musl: the
# observer's hooks are compiled from the headers of one C library, and have to be those of the compilers that it observes.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

# Not by the wrapper of this user, and with equal files for equal sources.
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
umask 022

targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-pc-windows-gnu x86_64-apple-darwin aarch64-apple-darwin)
host=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
compiled=${CARGO_TARGET_DIR:-$PWD/target}

fail() {
    echo "release.sh: $*" >&2
    exit 1
}

lacks() { # target; prints what this machine lacks for it
    if [ "$1" = "$host" ]; then return; fi
    [ -d "$(rustc --print target-libdir --target "$1")" ] || echo "Rust's standard library: rustup target add $1"
    case $1 in
    aarch64-unknown-linux-gnu) command -v aarch64-linux-gnu-gcc >/dev/null || echo "a C compiler: Debian's gcc-aarch64-linux-gnu" ;;
    x86_64-unknown-linux-gnu) command -v x86_64-linux-gnu-gcc >/dev/null || echo "a C compiler: Debian's gcc-x86-64-linux-gnu" ;;
    *-windows-gnu) command -v x86_64-w64-mingw32-gcc >/dev/null || echo "a linker: Debian's gcc-mingw-w64-x86-64-win32" ;;
    *-apple-darwin) cargo zigbuild --version >/dev/null 2>&1 || echo "a linker: pip install ziglang, cargo install cargo-zigbuild" ;;
    esac
}

packages_of() { # target; the agent needs Unix, and has not been tried on macOS
    case $1 in *-linux-*) echo "-p kache -p kache-agent" ;; *) echo "-p kache" ;; esac
}

build() { # target, directory for the programs
    local packages options=() command=build from=$compiled/release program
    read -ra packages <<<"$(packages_of "$1")"
    if [ "$1" != "$host" ]; then options=(--target "$1") from=$compiled/$1/release; fi
    case $1 in
    "$host") ;;
    *-apple-darwin) command=zigbuild ;;
    aarch64-unknown-linux-gnu) export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc ;;
    x86_64-unknown-linux-gnu) export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc ;;
    esac
    cargo "$command" --release --locked "${packages[@]}" "${options[@]}"
    for program in kache kache.exe kache-agent; do
        if [ -e "$from/$program" ]; then cp "$from/$program" "$2/"; fi
    done
}

glibc() { # program…; the newest version of the C library that one of them requires
    readelf -VW "$@" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -n 1
}

# What goes with the programs: the same for every target, from this machine's kache.
accompany() { # kache, directory
    mkdir -p "$2/completions" "$2/man1"
    "$1" completions bash >"$2/completions/kache.bash"
    "$1" completions zsh >"$2/completions/_kache"
    "$1" completions fish >"$2/completions/kache.fish"
    "$1" completions powershell >"$2/completions/kache.ps1"
    "$1" man --dir "$2/man1" >/dev/null
    cp LICENSE CHANGELOG.md "$2/"
}

archive() { # target, directory with the programs
    local name=kache-$version-$1
    mkdir "$work/$name"
    cp "$2"/* "$work/$name/"
    cp -r "$work/common/." "$work/$name/"
    tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$name" |
        gzip -9n >"$out/$name.tar.gz"
}

debian() { # target, directory with the programs, version of the C library
    local root=$work/deb-$1 architecture
    case $1 in x86_64-*) architecture=amd64 ;; *) architecture=arm64 ;; esac
    mkdir -p "$root"/DEBIAN "$root"/usr/{bin,share/man/man1,share/doc/kache} "$root/usr/share/bash-completion/completions" \
        "$root"/usr/share/{zsh/vendor-completions,fish/vendor_completions.d}
    cp "$2"/* "$root/usr/bin/"
    cp "$work"/common/man1/* "$root/usr/share/man/man1/"
    gzip -9n "$root"/usr/share/man/man1/*
    cp LICENSE "$root/usr/share/doc/kache/copyright"
    cp "$work/common/completions/kache.bash" "$root/usr/share/bash-completion/completions/kache"
    cp "$work/common/completions/_kache" "$root/usr/share/zsh/vendor-completions/"
    cp "$work/common/completions/kache.fish" "$root/usr/share/fish/vendor_completions.d/"
    cat >"$root/DEBIAN/control" <<CONTROL
Package: kache
Version: $version
Architecture: $architecture
Maintainer: the developers of kache <kache@localhost>
Section: devel
Priority: optional
Depends: libc6 (>= $3)
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Description: build cache for Rust, C and C++
 kache observes which files, variables and programs each compile reads, and
 restores a stored result only if all of them are unchanged, in any checkout.
CONTROL
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out/kache_${version}_$architecture.deb" >/dev/null
}

wheel() { # target, directory with the programs, version of the C library
    python3 - "$version" "py3-none-manylinux_${3/./_}_${1%%-*}" "$out" "$2"/* <<'PYTHON'
import base64, hashlib, pathlib, sys, zipfile

version, tag, out, *programs = sys.argv[1:]
info = f"kache-{version}.dist-info"
about = "A build cache for Rust and C/C++ whose keys are the inputs that were really read"
files = {f"kache-{version}.data/scripts/{pathlib.Path(p).name}": pathlib.Path(p).read_bytes() for p in programs}
files |= {
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: kache\nVersion: {version}\nSummary: {about}\nLicense: Apache-2.0\n",
    f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: kache\nRoot-Is-Purelib: false\nTag: {tag}\n",
}
files = {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}
digest = lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
record = [f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items()]
files[f"{info}/RECORD"] = "".join(record + [f"{info}/RECORD,,\n"]).encode()
with zipfile.ZipFile(f"{out}/kache-{version}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, data in files.items():
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100755 if "/scripts/" in name else 0o100644) << 16
        wheel.writestr(entry, data)
PYTHON
}

# Compiles a file twice in a new place by an installed kache, and requires a miss and a hit.
try_out() { # what installed it, directory of the programs
    local here
    here=$(mktemp -d -p "$work")
    [[ $("$2/kache" --version) == "kache $version (store "* ]] || fail "$1: another kache is installed"
    "$2/kache-agent" --help >/dev/null
    (
        cd "$here"
        echo 'int one(void) { return 1; }' >one.c
        export HOME=$here KACHE_CACHE_DIR=$here/cache
        "$2/kache" cc -c one.c -o one.o
        rm one.o
        "$2/kache" cc -c one.c -o one.o
        [ -s one.o ]
        "$2/kache" report --all --format json >report.json
    )
    grep -q '"hits": 1,' "$here/report.json" || fail "$1: a second compile is no hit"
    echo "tested: $1"
}

test_packages() { # of this machine's target
    local name=kache-$version-$host root=$work/root packages
    (cd "$out" && sha256sum --quiet -c SHA256SUMS)
    mkdir -p "$work/unpacked" "$root"/var/lib/dpkg/{info,updates,triggers}
    tar -C "$work/unpacked" -xzf "$out/$name.tar.gz"
    try_out "the archive" "$work/unpacked/$name"
    touch "$root/var/lib/dpkg/status"
    # The C library is this machine's, which is in no list of the empty root.
    dpkg --root="$root" --log="$work/dpkg.log" --force-not-root --force-depends -i "$out"/kache_"$version"_*.deb >"$work/dpkg.out" 2>&1 ||
        { cat "$work/dpkg.out" >&2 && fail "the Debian package cannot be installed"; }
    [ -e "$root/usr/share/man/man1/kache.1.gz" ] || fail "the Debian package has no manual page"
    try_out "the Debian package" "$root/usr/bin"
    python3 -m venv "$work/venv"
    packages=("$out/kache-$version"-py3-none-manylinux_*_"${host%%-*}".whl)
    "$work/venv/bin/pip" install --quiet --no-index --no-deps "${packages[@]}"
    try_out "the wheel" "$work/venv/bin"
    # What `cargo binstall` makes of the metadata has to be the archive and its programs.
    local metadata
    metadata=$(sed "s/{ version }/$version/g; s/{ target }/$host/g; s/{ bin }/kache/g; s/{ binary-ext }//g" kache/Cargo.toml)
    grep -q "^pkg-url = \"{ repo }/releases/download/v$version/$name.tar.gz\"" <<<"$metadata" || fail "binstall: another archive"
    grep -q "^bin-dir = \"$name/kache\"" <<<"$metadata" || fail "binstall: another directory"
    echo "tested: the metadata for cargo binstall"
}

out=dist programs='' tests='' named=()
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=${2:?--out needs a directory} && shift ;;
    --programs) programs=$(cd "${2:?--programs needs a directory}" && pwd) && shift ;;
    --test) tests=yes ;;
    --list)
        for target in "${targets[@]}"; do
            lack=$(lacks "$target")
            printf '%-28s %s\n' "$target" "${lack:+lacks ${lack//$'\n'/; }}"
        done
        exit ;;
    -*) echo "release.sh: \`$1\` is no option, see --help" >&2 && exit 2 ;;
    *) named+=("$1") ;;
    esac
    shift
done
if [ -n "$programs" ] && [ ${#named[@]} -eq 0 ]; then named=("$host"); fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
out=$(cd "$out" && pwd)
for target in "${named[@]:-${targets[@]}}"; do
    lack=$(lacks "$target")
    if [ -n "$lack" ]; then
        echo "release.sh: nothing for $target, which lacks ${lack//$'\n'/; }" >&2
        [ ${#named[@]} -eq 0 ] || exit 1
        continue
    fi
    mkdir "$work/$target"
    if [ -n "$programs" ]; then cp "$programs"/{kache,kache-agent} "$work/$target/"; else build "$target" "$work/$target"; fi
    if [ ! -d "$work/common" ]; then
        mkdir "$work/own"
        if [ -e "$work/$host/kache" ]; then cp "$work/$host/kache" "$work/own/"; else build "$host" "$work/own"; fi
        accompany "$work/own/kache" "$work/common"
    fi
    archive "$target" "$work/$target"
    case $target in
    *-linux-*)
        needed=$(glibc "$work/$target"/*)
        echo "$target: needs glibc $needed or later"
        debian "$target" "$work/$target" "$needed"
        wheel "$target" "$work/$target" "$needed"
        ;;
    *-apple-darwin) echo "$target: linked, and never run" ;;
    esac
done
(cd "$out" && sha256sum -- kache[-_]"$version"* >SHA256SUMS)
[ -z "$tests" ] || test_packages
ls -l "$out"

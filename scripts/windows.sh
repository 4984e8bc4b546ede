#!/usr/bin/env bash
# Builds kache for Windows and runs it under Wine. Installs what it needs on Debian.
#
#     scripts/windows.sh check     only whether it compiles
#     scripts/windows.sh           builds, runs, and prints what was run
#
# The target's standard library is rustup's where it can be had, else it is built from Debian's rustc-web.
# Nothing is said of real Windows: Wine has its own idea of locks, access lists and deleted files.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly target=x86_64-pc-windows-gnu
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER

need() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 && return
    echo "== install $2"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"; } >/dev/null
}

# Sets `build`: cargo, and what else it takes to build for the target.
toolchain() {
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32
    if timeout 120 rustup target add "$target" >/dev/null 2>&1; then
        build=(cargo)
        std=()
        return
    fi
    need /usr/bin/cargo cargo-web
    need /usr/bin/rustc rustc-web
    [ -d /usr/lib/rustlib/src/rust/library ] || need none rust-web-src
    build=(env PATH=/usr/sbin:/usr/bin:/sbin:/bin RUSTC_BOOTSTRAP=1 /usr/bin/cargo)
    std=("-Zbuild-std=std,panic_abort")
}

toolchain
if [ "${1:-}" = check ]; then
    exec "${build[@]}" check --locked -p kache "${std[@]}" --target "$target"
fi

need wine wine
"${build[@]}" build --locked -p kache --bin kache "${std[@]}" --target "$target"

work=$(mktemp -d)
trap 'WINEPREFIX=$work/prefix wineserver -k 2>/dev/null || true; rm -rf "$work"' EXIT
export WINEPREFIX=$work/prefix WINEDEBUG=-all
mkdir "$WINEPREFIX"
wine wineboot -i >/dev/null 2>&1
# Wine 8 lacks the library that Rust takes its random numbers from.
cat >"$work/random.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
C
x86_64-w64-mingw32-gcc -shared -O2 -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$work/random.c" -ladvapi32
cp "target/$target/debug/kache.exe" "$work"

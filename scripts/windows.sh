#!/usr/bin/env bash
# Builds the engine and the harness for Windows and runs their tests there: on Linux under Wine, on Windows as it is.
#
#     scripts/windows.sh check     only compiles it, and runs clippy
#     scripts/windows.sh install   only installs what it needs
#     scripts/windows.sh build     runs clippy, and compiles the tests
#     scripts/windows.sh           runs clippy, the unit tests, the round trip, and `check demo` with stub compilers
#     scripts/windows.sh TEXT      only the cases of the round trip with this text in their names
#
# Installs what it needs, on Debian. The target's standard library is rustup's, or, without rustup, built from Debian's
# rustc-web. Wine has its own idea of locks, access lists and deleted files: what holds there is likely, and no more, on
# Windows.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

need() { # program (by name or path), Debian package
    { command -v "$1" || [ -e "$1" ]; } >/dev/null 2>&1 && return
    step "install $2"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"; } >/dev/null
}

# Sets `build`, which is cargo, and `for_target`, which says for which system.
toolchain() {
    case "$(uname -s)" in
        MINGW* | MSYS* | CYGWIN*)
            native=1 build=(cargo) for_target=()
            return
            ;;
    esac
    native='' for_target=(--target x86_64-pc-windows-gnu)
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-win32
    if rustup target add x86_64-pc-windows-gnu >/dev/null 2>&1; then
        build=(cargo)
        return
    fi
    need /usr/bin/cargo cargo-web
    need /usr/bin/rustc rustc-web
    need /usr/lib/rustlib/src/rust/library rust-web-src
    build=(env PATH=/usr/sbin:/usr/bin:/sbin:/bin RUSTC_BOOTSTRAP=1 /usr/bin/cargo)
    for_target+=("-Zbuild-std=std,panic_abort")
}

# A Windows for this run alone. Wine 8 lacks the library that Rust takes its random numbers from.
wine_prefix() {
    need wine wine
    work=$(mktemp -d)
    trap 'wineserver -k 2>/dev/null || true; rm -rf "$work"' EXIT
    local runner=/usr/lib/wine/wine64
    [ -x "$runner" ] || runner=wine
    export KACHE_UNDER_WINE=1 WINEPREFIX=$work/prefix WINEDEBUG=-all CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$runner
    mkdir "$WINEPREFIX"
    wine wineboot -i >/dev/null 2>&1
    cat >"$work/random.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
C
    local system="$WINEPREFIX/drive_c/windows/system32"
    [ -e "$system/bcryptprimitives.dll" ] ||
        x86_64-w64-mingw32-gcc -shared -O2 -o "$system/bcryptprimitives.dll" "$work/random.c" -ladvapi32
}

# The agent is not built for Windows: no remote can be used there. One selection of packages for all steps: another one would
# have other features, and compile much of it again.
packages=(--locked -p kache -p kache-core -p kache-frontends -p kache-report -p kache-bench --features kache/faults)
# The stub compilers are copies of the suite, and hashed as compilers are: small ones. They run for less time than Wine takes
# to start them, so optimisation would only make the build longer. `strip` of the profile would hold for macros and build
# scripts too, and compile again those that the tests on Linux have compiled.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="-C strip=symbols"
# Most of the time of libgit2's C goes into <windows.h>, of which it needs the smaller part.
export CFLAGS_x86_64_pc_windows_gnu=-DWIN32_LEAN_AND_MEAN

toolchain
if [ "${1:-}" = install ]; then
    [ -n "$native" ] || need wine wine
    exit 0
fi
if [ "${1:-}" = check ] || [ "${1:-}" = build ] || [ $# -eq 0 ]; then
    step "clippy"
    "${build[@]}" clippy "${packages[@]}" --lib --bins --test roundtrip --test stubbed "${for_target[@]}" -- -D warnings
fi
[ "${1:-}" != check ] || exit 0

step "build"
"${build[@]}" test "${packages[@]}" --lib --test roundtrip --test stubbed --no-run "${for_target[@]}"
[ "${1:-}" != build ] || exit 0
[ -n "$native" ] || wine_prefix
status=0
if [ $# -eq 0 ]; then
    step "unit tests"
    "${build[@]}" test --quiet "${packages[@]}" --lib --no-fail-fast "${for_target[@]}" || status=1
fi
step "round trip"
"${build[@]}" test --quiet "${packages[@]}" --test roundtrip "${for_target[@]}" -- "$@" || status=1
if [ $# -eq 0 ]; then
    step "check demo, by the harness, with stub compilers"
    # As the tests see it, whose working directory is their package's.
    export KACHE_BENCH_TEST_KACHE=${CARGO_TARGET_DIR:-../target}/${for_target[1]:-}/debug/kache.exe
    "${build[@]}" test --quiet "${packages[@]}" --test stubbed "${for_target[@]}" || status=1
fi
step "$([ $status -eq 0 ] && echo "all of it holds" || echo "NOT all of it holds")"
exit $status

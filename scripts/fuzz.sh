#!/usr/bin/env bash
# Gives every parser of foreign bytes random ones: scripts/fuzz.sh [SECONDS for each, 60] [NAME…]
# Needs a nightly toolchain (rustup toolchain install nightly); installs cargo-fuzz into a folder that git ignores.
# What is new in the corpus afterwards is not kept: copy what found something into kache/fuzz/corpus/NAME.
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

seconds=60
if [ $# -gt 0 ]; then seconds=$1; shift; fi
case $seconds in '' | *[!0-9]*) echo "fuzz.sh: \`$seconds\` is no number of seconds" >&2; exit 2 ;; esac
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for target in kache/fuzz/targets/*.rs; do names+=("$(basename "$target" .rs)"); done
fi
for name in "${names[@]}"; do
    if [ ! -f "kache/fuzz/targets/$name.rs" ]; then
        echo "fuzz.sh: there is no target \`$name\`; see kache/fuzz/targets" >&2
        exit 2
    fi
done
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz.sh: no nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
if ! PATH="$PWD/.tools/bin:$PATH" cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked --root .tools
fi
export PATH="$PWD/.tools/bin:$PATH"

# All of it is safe code but for a few lines, so no sanitizer: ten times the executions.
cd kache
cargo +nightly fuzz build --sanitizer none
for name in "${names[@]}"; do
    found=$(mktemp -d)
    log=$(mktemp)
    status=0
    cargo +nightly fuzz run --sanitizer none "$name" "$found" "fuzz/corpus/$name" -- \
        -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        { grep -A4 panicked "$log" || tail -40 "$log"; } >&2
        echo "fuzz.sh: $name failed; the bytes are in kache/fuzz/artifacts/$name" >&2
        exit 1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-10s %12s executions in %s s\n' "$name" "$executions" "$seconds"
    rm -rf "$found" "$log"
done

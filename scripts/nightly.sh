#!/usr/bin/env bash
# Proves and measures all there is, one step after the other, as far as a time budget goes, and says how it came out.
#
# usage: scripts/nightly.sh [--budget MINUTES] [--fresh] [--list]
#   --budget MINUTES   how long it may take [default: 480]; the step that runs then is stopped, and not counted
#   --fresh            begin anew, whatever an earlier call has done
#   --list             say what the steps are and how far they are, and run nothing
#
# What was done is written down in .nightly/state. A call that was interrupted, or whose time was up, is gone on with by the next
# call on the same commit; on another commit, or once all is done, the next call begins anew. Each pass has its own folder of
# logs in .nightly/, which nobody removes.
#
# Exit status: 0 all was done and nothing is wrong; 1 something is wrong; 2 it cannot be run so; 3 nothing is wrong so far, and
# the time is up; 130 interrupted.
#
# From the environment: NIGHTLY_DIR (instead of .nightly), NIGHTLY_RESULTS (instead of results), NIGHTLY_SCRATCH (where clones and
# caches are put), KACHE and KACHE_BENCH (programs to use instead of building them).
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
cd "$(dirname "$0")/.."

# name | arguments of kache-bench. What says most in the least time comes first.
steps() {
    local seed
    seed=$(date +%-j) # other units each day
    cat <<END
check-demo|check demo --verify
traps|traps --json $out/traps.json
traps-unseeded|traps --backends kache --unseeded
audit-demo|audit demo
mutate-demo|mutate demo --seed $seed
check-ripgrep|check ripgrep --verify
latency|latency --count
check-eza|check eza --verify
load-s3|load --minutes 10 --faults --seed $seed
load-reapi|load --minutes 10 --faults --seed $seed --protocol reapi
load-history|load --minutes 0 --history 1,100,10000
pull-eza|pull eza
compare-eza|compare eza
check-zstd|check zstd --verify
check-sqlite|check sqlite --verify
check-bat|check bat --verify
traps-cuda|traps --cuda
check-cuda|check cuda --verify
audit-zstd|audit zstd --every 3
mutate-eza|mutate eza --seed $seed
check-eza-git|check eza-git --verify
compare-eza-git|compare eza-git
check-bullet|check bullet --verify
check-nu|check nu --verify
check-cargo|check cargo --verify
check-spidermonkey|check spidermonkey --verify
compare-spidermonkey|compare spidermonkey --runs 1
check-firefox|check firefox --verify
END
}
# Made of what was recorded, by whatever steps: always run, and not remembered.
closing() { printf '%s\n' 'gate|gate' 'report|report'; }

fail() {
    echo "nightly.sh: $1" >&2
    exit 2
}

budget=480 fresh=no list=no
while [ $# -gt 0 ]; do
    case $1 in
    --budget)
        budget=${2-}
        case $budget in '' | *[!0-9]*) fail "--budget wants a number of minutes, not \`$budget\`" ;; esac
        shift 2
        ;;
    --fresh) fresh=yes && shift ;;
    --list) list=yes && shift ;;
    *) fail "\`$1\` is no option; there are --budget MINUTES, --fresh and --list" ;;
    esac
done

mkdir -p "${NIGHTLY_DIR:-.nightly}"
out=$(cd "${NIGHTLY_DIR:-.nightly}" && pwd)
state=$out/state
commit=$(git rev-parse HEAD 2>/dev/null || echo none)
exec 9>"$out/lock"
flock -n 9 || fail "another one runs: it holds $out/lock"

done_as() { # step: its verdict, nothing if it was not done
    [ ! -f "$state" ] || awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$state"
}
open_steps() { steps | while IFS='|' read -r name _; do [ -n "$(done_as "$name")" ] || echo "$name"; done; }

if [ -f "$state" ] && [ "$list" = no ]; then
    if [ $fresh = yes ] || [ "$(done_as commit)" != "$commit" ] || [ -z "$(open_steps)" ]; then rm "$state"; fi
fi
if [ "$list" = yes ]; then
    { steps && closing; } | while IFS='|' read -r name arguments; do
        printf '%-22s %-8s kache-bench %s\n' "$name" "$(done_as "$name")" "$arguments"
    done
    exit 0
fi
if [ ! -f "$state" ]; then
    printf 'commit\t%s\nlogs\t%s\n' "$commit" "$out/logs-$(date +%Y%m%d-%H%M%S)" >"$state"
else
    echo "going on with what was begun on ${commit:0:12}"
fi
logs=$(done_as logs)
mkdir -p "$logs"

if [ -z "${KACHE_BENCH-}" ] || [ -z "${KACHE-}" ]; then
    echo "building kache and kache-bench"
    for package in kache kache/agent "kache-bench --features remote"; do
        # shellcheck disable=SC2086 # an option may follow the path
        cargo install --quiet --locked --force --path $package --root "$out/tools" >"$logs/build.log" 2>&1 9>&- ||
            { tail -n 20 "$logs/build.log" >&2 && fail "they do not build (log: $logs/build.log)"; }
    done
fi
# The step about a server of the Remote Execution API is skipped without it.
if [ -z "${KACHE_BENCH-}" ] && scripts/buildgrid.sh >"$logs/buildgrid.log" 2>&1; then
    export PATH=$PWD/.tools/bin:$PATH
fi
# The steps about CUDA are skipped without it.
if [ -z "${KACHE_BENCH-}" ] && ! command -v nvcc >/dev/null && nvcc=$(scripts/nvcc.sh 2>"$logs/nvcc.log"); then
    export PATH=$nvcc:$PATH
fi
bench=${KACHE_BENCH:-$out/tools/bin/kache-bench}
kache=${KACHE:-$out/tools/bin/kache}

# What runs is a process group of its own, so that it is told once, by us, and by nobody else.
set -m
child='' interrupted=no
stop() {
    interrupted=yes
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
}
trap stop INT TERM HUP

# Runs a step until $limit seconds are over; leaves its exit status in $status.
run() { # name, arguments
    local name=$1
    shift
    local more=()
    case $1 in
    gate | report) ;;
    traps) more=(--kache "$kache" --logs "$logs/$name") ;;
    *) more=(--kache "$kache" --logs "$logs/$name" --results "${NIGHTLY_RESULTS:-results}") ;;
    esac
    if [ ${#more[@]} -gt 0 ] && [ -n "${NIGHTLY_SCRATCH-}" ]; then more+=(--dir "$NIGHTLY_SCRATCH"); fi
    timeout --signal=TERM --kill-after=300 "$limit" "$bench" "$@" "${more[@]}" >"$logs/$name.log" 2>&1 </dev/null 9>&- &
    child=$!
    status=0
    # It returns early for each signal that comes.
    while kill -0 "$child" 2>/dev/null; do
        status=0
        wait "$child" || status=$?
    done
    child=''
}

# What a status comes to. What cannot be tried here (a program that is missing, a source that is out of reach) is told by
# kache-bench itself; a wrong argument is told by others.
verdict_of() { # log
    case $status in
    0) echo ok ;;
    124 | 137) echo cut ;;
    2) if grep -q '^kache-bench: ' "$1"; then echo skipped; else echo failed; fi ;;
    *) echo failed ;;
    esac
}
remark() { # verdict, log
    case $1 in
    skipped) sed -n 's/^kache-bench: //p' "$2" | tail -n 1 ;;
    failed) echo "exit status $status, log: $2" ;;
    cut) echo "the time is up; it begins anew next time" ;;
    esac
}

tell() { # name, verdict, seconds, remark
    printf '%-22s %-8s %6s s  %s\n' "$1" "$2" "$3" "$4"
    if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then echo "| $1 | $2 | $3 | $4 |" >>"$GITHUB_STEP_SUMMARY"; fi
}
if [ -n "${GITHUB_STEP_SUMMARY-}" ]; then printf '| step | verdict | s | |\n| --- | --- | --- | --- |\n' >>"$GITHUB_STEP_SUMMARY"; fi

step() { # name, arguments
    local name=$1 begun=$SECONDS verdict
    shift
    if ! "$bench" help "$1" >/dev/null 2>&1; then
        status=0 verdict=skipped
        tell "$name" skipped 0 "this kache-bench has no command \`$1\`"
    else
        run "$name" "$@"
        [ $interrupted = no ] || return 0
        verdict=$(verdict_of "$logs/$name.log")
        tell "$name" "$verdict" $((SECONDS - begun)) "$(remark "$verdict" "$logs/$name.log")"
        [ "$verdict" != failed ] || tail -n 12 "$logs/$name.log" | sed 's/^/    /'
    fi
    last=$verdict
}

deadline=$((SECONDS + budget * 60)) last='' closing_failed=no
while IFS='|' read -r name arguments <&3; do
    [ -z "$(done_as "$name")" ] || continue
    limit=$((deadline - SECONDS))
    if [ $limit -le 0 ] || [ $interrupted = yes ]; then break; fi
    read -ra words <<<"$arguments"
    step "$name" "${words[@]}"
    if [ $interrupted = yes ] || [ "$last" = cut ]; then break; fi
    printf '%s\t%s\n' "$name" "$last" >>"$state"
done 3< <(steps)

if [ $interrupted = no ]; then
    while IFS='|' read -r name arguments <&3; do
        limit=1800
        read -ra words <<<"$arguments"
        step "$name" "${words[@]}"
        [ "$last" != failed ] || closing_failed=yes
        [ $interrupted = no ] || break
    done 3< <(closing)
fi

open=$(open_steps | tr '\n' ' ')
failed=$(awk -F '\t' '$2 == "failed" { printf "%s ", $1 }' "$state")
echo "logs: $logs"
if [ $interrupted = yes ]; then
    echo "nightly: interrupted; the next call goes on with ${open:-the closing steps}"
    exit 130
elif [ -n "$failed" ] || [ $closing_failed = yes ]; then
    echo "nightly: NOT OK: ${failed:-see above}"
    exit 1
elif ! awk -F '\t' '$2 == "ok" { found = 1 } END { exit !found }' "$state"; then
    echo "nightly: NOT OK: not one step came to its end"
    exit 1
elif [ -n "$open" ]; then
    echo "nightly: nothing is wrong so far; the time is up, the next call goes on with $open"
    exit 3
fi
echo "nightly: OK"

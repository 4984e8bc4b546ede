#!/usr/bin/env bash
# Shows that the gate sees what it must, and nothing else, with real builds of a workload:
#
#     scripts/alarms.sh [WORKLOAD [RUNS [ROUNDS]]]     (default: demo 10 5)
#
# RUNS times `check` and `compare` of one and the same kache, judged after each: no run may be a regression. Then a check in which two
# results are lost, and a comparison in which each compile takes a fifth longer: each must be one. Nothing is written but below a
# temporary directory. KACHE_BENCH and KACHE name the programs, if they are not to be built; MORE is passed on (--workloads DIR).
set -euo pipefail
case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit ;;
esac
workload=${1:-demo} runs=${2:-10} rounds=${3:-5}
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${KACHE_BENCH:-}" ] || [ -z "${KACHE:-}" ]; then
    cargo build --release --manifest-path "$here/Cargo.toml" -p kache -p kache-bench
    KACHE_BENCH=$here/target/release/kache-bench KACHE=$here/target/release/kache
fi
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
read -ra more <<<"${MORE:-}"
options=(--kache "$KACHE" --results "$results" "${more[@]}")
compare=(compare "$workload" "${options[@]}" --backends "plain,kache" --phases cold --runs "$rounds")

# Status 1 of a build command says that a verdict is bad, which the gate is to say.
tried() { "$KACHE_BENCH" "$@" >/dev/null 2>"$results/log" || [ $? = 1 ] || { cat "$results/log" >&2; exit 2; }; }
judged() { # what is shown of the gate's text; leaves the status in `status`
    status=0
    "$KACHE_BENCH" gate --results "$results" >"$results/text" || status=$?
    grep -E "$1" "$results/text" || true
}

alarms=0
for run in $(seq "$runs"); do
    tried check "$workload" "${options[@]}"
    tried "${compare[@]}"
    judged 'gate:|over plain'
    if [ "$status" = 1 ]; then
        alarms=$((alarms + 1))
        cat "$results/text"
    fi
    echo "run $run of $runs: status $status"
done
echo "$alarms of $runs runs of the same program raised an alarm"

echo "== two results lost"
tried check "$workload" "${options[@]}" --lose 2
judged '✗|gate:'
lost=$status
# Out of the way of what is judged next.
for file in "$results"/*.jsonl; do sed -i '/"planted"/d' "$file"; done

echo "== each compile a fifth slower"
tried "${compare[@]}" --slow 20%
judged '✗|over plain|gate:'
slow=$status

echo "alarms without a cause: $alarms of $runs; two lost results: $([ "$lost" = 1 ] && echo caught || echo MISSED); a fifth slower: $([ "$slow" = 1 ] && echo caught || echo MISSED)"
[ "$alarms" = 0 ] && [ "$lost" = 1 ] && [ "$slow" = 1 ]

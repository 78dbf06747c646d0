#!/usr/bin/env bash
# Runs every fuzzer:  tests/fuzz/run.sh [SECONDS [NAME...]]     (60 seconds each by default)
# What they find is collected in build/fuzz/corpus and starts the next run. FUZZ_KEEP=1 puts a minimised corpus of it
# into tests/fuzz/corpus, which every test run feeds to the targets. An input that breaks one is left in build/fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in tests/fuzz/fuzz_*.c; do
    name=${source##*/fuzz_}
    names+=("${name%.c}")
  done
fi
tools/build.sh fuzz "${names[@]/#/fuzz_}"
mkdir -p build/fuzz/found build/fuzz/log
failed=0
for name in "${names[@]}"; do
  program=build/fuzz/tests/fuzz/fuzz_$name kept=tests/fuzz/corpus/$name corpus=build/fuzz/corpus/$name log=build/fuzz/log/$name
  mkdir -p "$corpus" "$kept"
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$name-" "$corpus" "$kept" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-16s %12s runs, %s\n' "$name" "$runs" "$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
  else
    failed=$((failed + 1))
    printf '%-16s FAILED, see %s\n' "$name" "$log"
    tail -n 30 "$log"
  fi
  if [ -n "${FUZZ_KEEP:-}" ]; then
    "$program" -merge=1 -max_len=2048 "$kept" "$corpus" >>"$log" 2>&1
  fi
done
echo "$((${#names[@]} - failed)) fuzzers clean, $failed failed"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# Runs the tests and closes with one plain line: "N passed, N failed[, N skipped]".
#   tests/run.sh            all that belongs in every run
#   tests/run.sh unit       the C unit tests of the dev build
#   tests/run.sh coverage   all, on the coverage build; prints the line coverage of src/
#   tests/run.sh long       crash rounds, thread sanitizer, soak
set -uo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
export FAIRWAY_SHARED=${FAIRWAY_SHARED:-$(cd .. && pwd)/shared}
export PYTHONDONTWRITEBYTECODE=1
python=/usr/bin/python3
passed=0 failed=0 skipped=0
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# count NAME FILE: adds the tests of a JUnit file to the totals.
count() {
  local name=$1 file=$2 sums
  if sums=$("$python" tests/support/junit_counts.py "$file"); then
    # shellcheck disable=SC2086
    set -- $sums
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    printf '%-24s %s passed, %s failed, %s skipped\n' "$name" "$1" "$2" "$3"
  else
    failed=$((failed + 1))
    echo "$name: no result was written"
  fi
}

unit() { # PRESET [LABEL-REGEX]
  tools/build.sh "$1" all || { failed=$((failed + 1)); return 1; }
  ctest --test-dir "build/$1" --parallel 2 --output-on-failure --no-tests=error ${2:+-L "$2"} \
    --output-junit "$results/unit-$1.xml" >"$results/unit-$1.log" 2>&1 || tail -n 200 "$results/unit-$1.log"
  count "unit ($1)" "$results/unit-$1.xml"
}

# Two files at a time, each from its beginning to its end in one process.
api() { # PRESET [OPTION...] FOLDER...
  local preset=$1
  shift
  FAIRWAY_BINARY=$PWD/build/$preset/fairway "$python" -m pytest -q -rs -p no:cacheprovider -n 2 --dist loadfile \
    --durations=15 --junitxml="$results/api-$preset.xml" "$@"
  count "api ($preset)" "$results/api-$preset.xml"
}

case $what in
  unit) unit dev ;;
  all)
    unit asan && api asan tests/api tests/security tests/compat tests/faults tests/e2e tests/support
    ;;
  coverage)
    unit coverage && api coverage tests/api tests/security tests/compat tests/faults
    gcovr --root . --filter 'src/.*' --exclude '.*_test\.c' --object-directory build/coverage --print-summary -o /dev/null
    ;;
  long)
    unit tsan
    FAIRWAY_LONG=1 api release -n 0 tests/faults tests/perf
    ;;
  *) echo "run.sh: unknown '$what' (unit, coverage, long, or nothing)" >&2; exit 2 ;;
esac

if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

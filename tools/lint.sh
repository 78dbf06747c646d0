#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Format, layers, static analysis, scripts, page.  tools/lint.sh [FILE.c...]: static analysis of these files only.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
check() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "ok    $name"; else echo "FAIL  $name" >&2; failed=1; fi
}

format() { git ls-files 'src/*.[ch]' 'tools/*.[ch]' 'tests/*.[ch]' | xargs -r clang-format --dry-run -Werror; }

# No line of a lock file may say where its package came from: everybody has their own registry.
locks() { ! git ls-files '*package-lock.json' | xargs -r grep -l '"resolved"'; }

scripts() {
  local file
  for file in $(git ls-files '*.sh'); do bash -n "$file" || return 1; done
  git ls-files '*.py' | xargs -r /usr/bin/python3 -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]'
}

words() { ! git grep -nE '\b(TODO|FIXME|XXX|HACK)\b' -- 'src/*.[ch]' 'tools/*.[ch]' 'web/src/*.ts' 'tests/*.py'; }

# One file at a time: clang-tidy 14 takes every va_list of a second file for uninitialised.
tidy() { # FILES
  xargs -r -P "$(nproc)" -n 1 clang-tidy -p build/dev --quiet --extra-arg=-Wno-unknown-warning-option 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)' >&2)
}

analyse() {
  tools/build.sh dev all || return 1
  if [ $# -gt 0 ]; then printf '%s\n' "$@" | tidy; else git ls-files 'src/*.c' | tidy; fi
}

# As in .clang-tidy, uninitialised values are left to the sanitizers.
defects() { cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$(nproc)" -I src -D__GNUC__ --suppress=uninitvar --suppress='*:*/build/*' src; }

check "static analysis" analyse "$@"
if [ $# -eq 0 ]; then
  check format format
  check layers tools/checkdeps.py
  check "lock files" locks
  check scripts scripts
  check "open ends" words
  check cppcheck defects
fi
exit "$failed"

#!/bin/sh
# Configures (when needed) and builds a preset:  tools/build.sh PRESET TARGET...
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
cmake --build "build/$preset" --parallel "${JOBS:-$(nproc)}" --target "$@"

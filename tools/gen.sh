#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes anew what is generated and committed: reference pages, TypeScript types. Uses the dev build (make dev).
#   tools/gen.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/dev}
"$build/tools/fairway-contract" --reference docs/reference/api.md api/*.yaml
"$build/fairway" help --markdown >docs/reference/cli.md
FAIRWAY_WRITE_REFERENCE=1 "$build/src/platform/settings_test" >/dev/null
packages=build/npm-types
mkdir -p "$packages"
if ! cmp -s web/package-lock.json "$packages/package-lock.json"; then
  cp web/package.json web/package-lock.json web/.npmrc "$packages/"
  (cd "$packages" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
tools/gen_types.sh "$build/gen/openapi.json"
git --no-pager diff --stat -- docs/reference web/src/schema.d.ts

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TypeScript types of the API for the portal:  tools/gen_types.sh OPENAPI.json [OUT.d.ts]
# The generator is the one that web/package.json pins; tools/gen.sh installs it and calls this.
set -eu
cd "$(dirname "$0")/.."
document=${1:?usage: tools/gen_types.sh build/PRESET/gen/openapi.json [OUT.d.ts]}
out=${2:-web/src/schema.d.ts}
generator=build/npm-types/node_modules/.bin/openapi-typescript
[ -x "$generator" ] || { echo "gen_types.sh: $generator is missing; run make gen" >&2; exit 1; }
mkdir -p "$(dirname "$out")"
"$generator" "$document" --output "$out" >/dev/null

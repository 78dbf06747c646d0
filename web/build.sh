#!/bin/sh
# Builds the page: web/build.sh OUT PACKAGES. OUT gets page_files.c; PACKAGES keeps node_modules between builds and is
# shared by all build folders, hence the lock; node_modules here leads to it.
set -eu
cd "$(dirname "$0")"
out=$1
packages=$2
mkdir -p "$out" "$packages"
exec 9>"$packages/lock"
flock 9
if ! cmp -s package-lock.json "$packages/installed"; then
  rm -f "$packages/installed"
  cp package.json package-lock.json .npmrc "$packages/"
  (cd "$packages" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp package-lock.json "$packages/installed"
fi
ln -sfn "$packages/node_modules" node_modules
node pages.mjs
node_modules/.bin/tsc --noEmit -p .
node build.mjs "$out" "$packages"

# SPDX-License-Identifier: Apache-2.0
# Daily verbs; the build itself is CMake (CMakeLists.txt, CMakePresets.json).
.DEFAULT_GOAL := help
.PHONY: help run build dev test test-fast test-long bench fuzz lint fmt gen coverage screenshots clean

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: build ## install what is missing, build, start on http://127.0.0.1:3001
	build/release/fairway serve --auth open --config example/fairway.yaml

build: ## build/release/fairway
	@tools/install.sh build page
	@tools/build.sh release fairway

dev: ## build/dev: debug build with contract checks of answers
	@tools/install.sh build page unit
	@tools/build.sh dev all

test: ## install what the tests need and run them all (under 30 minutes on 2 cores)
	@tools/install.sh build page test
	@tests/run.sh

test-fast: ## unit tests only
	@tools/install.sh build page unit
	@tests/run.sh unit

test-long: ## crash rounds, thread sanitizer, soak, a million entities
	@tools/install.sh build page test bench
	@tests/run.sh long

bench: build ## speed, as ratios measured side by side
	@tools/install.sh bench
	@tests/perf/bench.py

fuzz: ## every fuzzer for FUZZ_SECONDS
	@tools/install.sh fuzz
	@tests/fuzz/run.sh $(FUZZ_SECONDS)

lint: ## format, static analysis, layers, contract
	@tools/install.sh build lint
	@tools/lint.sh

fmt: ## format the C sources
	@tools/install.sh lint
	@git ls-files 'src/*.[ch]' 'tools/*.[ch]' 'tests/*.[ch]' | xargs -r clang-format -i

gen: dev ## refresh the generated reference pages and TypeScript types
	@tools/gen.sh

coverage: ## line coverage of src/
	@tools/install.sh build page test
	@tests/run.sh coverage

screenshots: build ## pictures of every page of the portal, into build/screenshots
	@tools/install.sh test
	@FAIRWAY_BINARY=build/release/fairway tests/e2e/screenshots.py

clean:
	rm -rf build

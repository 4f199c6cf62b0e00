# The daily commands. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CYCLES ?= 200
SEEDS ?= 1000
FUZZ_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
ARGS ?=

# A clone at another path finds what this one compiled.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: help
help: ## This list
	@echo "make TARGET, where TARGET is one of"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: run
run: build ## Install what is missing, build, and serve (ARGS="--port 4568" goes to weir serve)
	build/release/weir serve $(ARGS)

.PHONY: build
build: install ## The optimised binary, build/release/weir
	@scripts/build.sh release

.PHONY: package
package: build ## A Debian package, build/package/weir_*.deb
	@cpack --config build/release/CPackConfig.cmake -B build/package >/dev/null
	@rm -rf build/package/_CPack_Packages
	@ls build/package/weir_*.deb

.PHONY: debug
debug: install-test ## Everything with assertions, in build/debug
	@scripts/build.sh debug

.PHONY: install
install: ## Install the Debian packages that a build needs
	@scripts/install-dependencies.sh dependencies

.PHONY: install-test
install-test: ## ... and those that the tests need, and the client libraries
	@scripts/install-dependencies.sh dependencies test-dependencies
	@scripts/install-clients.sh tests

.PHONY: test
test: install-test ## All tests: unit under two sets of sanitizers, clients, kill -9, fuzzing, checks of the tree
	@scripts/run-tests.py all --cycles 10

.PHONY: test-unit
test-unit: install-test ## Unit tests in a debug build
	@scripts/run-tests.py unit

.PHONY: test-asan
test-asan: install-test ## Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/run-tests.py asan

.PHONY: test-tsan
test-tsan: install-test ## Unit tests under ThreadSanitizer
	@scripts/run-tests.py tsan

.PHONY: test-conformance
test-conformance: install-test ## Real clients and the wire, against the optimised binary
	@scripts/run-tests.py conformance

.PHONY: test-kill
test-kill: install-test ## kill -9 under load, CYCLES=200 times, each with a check of every acknowledged record
	@scripts/run-tests.py kill --cycles $(CYCLES)

.PHONY: simulate
simulate: install-test ## Every crash point, and whole back ends under faults, for SEEDS=1000 seeds
	@scripts/run-tests.py simulate --seeds $(SEEDS)

.PHONY: fuzz
fuzz: install-test ## Every fuzz target for SECONDS=60
	@scripts/run-tests.py fuzz --seconds $(FUZZ_SECONDS)

.PHONY: checks
checks: install-test ## Layers, banned calls, sizes, words, generated documents
	@scripts/run-tests.py checks

.PHONY: test-fleet
test-fleet: install-test ## The drills: bad days of a whole fleet on this machine
	@scripts/run-tests.py fleet

.PHONY: drill
drill: build install-test ## One drill at its full length, with its figures: NAME=cold-start; without NAME: which there are
	@scripts/build.sh bench weir-bench
	@build/clients/python/bin/python -m pytest -q -s -p no:cacheprovider tests/fleet --drill $(or $(NAME),list)

.PHONY: cluster
cluster: build ## A fleet on this machine: etcd, Ceph, 2 directories, 2 cells of 2 nodes, 3 front ends, 1 of a dedicated fleet
	@scripts/install-dependencies.sh dependencies test-dependencies
	@scripts/cluster/cluster.py up $(ARGS)

.PHONY: cluster-down
cluster-down: ## Ends it and removes every trace
	@scripts/cluster/cluster.py down

.PHONY: bench
bench: build ## Weir beside kinesalite, kinesis-local, Redis and nginx; writes docs/performance.md (QUICK=1: short)
	@scripts/install-dependencies.sh dependencies test-dependencies bench-dependencies
	@scripts/install-clients.sh tests bench
	@scripts/build.sh bench weir-bench
	@build/clients/python/bin/python bench/run.py $(if $(QUICK),--quick) $(ARGS)

.PHONY: lint
lint: install-test ## clang-tidy over src
	@scripts/run-tests.py lint

.PHONY: format
format: install-test ## clang-format over all C++
	@git ls-files -co --exclude-standard '*.cc' '*.h' | xargs clang-format-19 -i

.PHONY: docs
docs: build ## Regenerate docs/settings.md and docs/metrics.md from the binary
	build/release/weir docs settings > docs/settings.md
	build/release/weir docs metrics > docs/metrics.md

.PHONY: clean
clean: ## Remove what was built; downloaded clients stay
	rm -rf build/release build/debug build/asan build/tsan build/fuzz build/bench build/test-logs

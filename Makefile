# The commands of the repository. Each installs what it needs first (tools/setup.sh: nothing when all is there).
.DEFAULT_GOAL := help
.PHONY: help setup check test demo bench nightly clean

# Root is needed for namespaces and for the test VM.
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E env "PATH=$$PATH")

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: ## install and build what is missing
	@tools/setup.sh test

check: setup ## everything that can be said without running it: types, lint, imports, dead code, format
	@node tools/check.mjs

test: check ## every test: pure, namespaces, VM, package
	@$(ROOT) node tools/test.mjs

demo: ## a true failover drill with measured figures, in under two minutes
	@tools/setup.sh demo
	@$(ROOT) node tools/vm.mjs --timeout 400 -- node build/demo/drill.js $(DRILL)

bench: setup ## every measured figure beside keepalived's from the same run
	@$(ROOT) node build/bench/main.js $(BENCH)

nightly: check ## the tests with ten times the seeds and two million fuzzed packets, then the bench
	@$(ROOT) env VIPD_SEEDS=10000 VIPD_PACKETS=2000000 node tools/test.mjs
	@$(ROOT) node build/bench/main.js

clean: ## remove what was built (not what was installed)
	@rm -rf build .cache

# The commands of this project; each is a script in tools/. CONTRIBUTING.md says more.
.PHONY: help env build serve test check format wheel sanitize conformance conformance-full simulate soak crash fuzz mutate bench bench-quick bench-large clean

help:
	@echo "make serve     build, serve examples/chat and print the address of its page"
	@echo "make test      every test, then make check"
	@echo "make build     the native module, where 'import jac_cloud' in .venv finds it"
	@echo "make check     formatting, linters and types       make format    mends the formatting"
	@echo "make sanitize  C++ and Python tests under AddressSanitizer and ThreadSanitizer"
	@echo "make conformance  Autobahn's quick cases           make conformance-full  all of them"
	@echo "make simulate  10,000 seeds of hubs and sessions on a simulated clock and network"
	@echo "make soak      a million clients that come and go, then a mixed load of ten minutes"
	@echo "make crash     kills a server in the middle of its work, 200 times, and looks at what is left"
	@echo "make fuzz      libFuzzer on what strangers send, ten minutes in all"
	@echo "make mutate    seeded faults, each of which a test must see"
	@echo "make wheel     a wheel in dist/                    make bench     the benchmarks; make bench-quick, bench-large"
	@echo "make env       .venv alone                         make clean     removes what all these made"

env:
	@tools/system_packages.sh build
	@tools/env.sh

build: env
	@tools/build.sh release module

serve: build
	@cd examples/chat && exec ../../.venv/bin/jac serve app.jac

test: env
	@tools/test.sh

check: env
	@tools/check.sh

format: env
	@tools/format.sh

wheel: env
	@tools/wheel.sh

conformance: env
	@tools/conformance.sh quick

conformance-full: env
	@tools/conformance.sh full

simulate: env
	@tools/simulate.sh

soak: env
	@tools/soak.sh

crash: env
	@tools/crash.sh

fuzz: env
	@tools/fuzz.sh

mutate: env
	@tools/mutate.sh

sanitize: env
	@tools/sanitize.sh

bench: build
	@benchmarks/run.sh

bench-quick: build
	@benchmarks/run.sh --quick

bench-large: build
	@benchmarks/run.sh --large

clean:
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache python/jac_cloud/_native*.so \
		python/jac_cloud/pages/*/vendor tests/node/node_modules
	find python tests tools cmake examples -name __pycache__ -type d -prune -exec rm -rf {} +

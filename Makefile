# Cofactor. `make run` shows it, `make test` proves it; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CARGO_TERM_COLOR ?= auto

# One build for everything: packages are always built together, so that the engine is compiled once.
CARGO_BUILD := cargo build --release --locked --workspace
TARGET := $(or $(CARGO_TARGET_DIR),target)
REPORT := $(TARGET)/report

.PHONY: help run test bench soak build lint toolchain peers clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: build ## Build, and start the demonstration on loopback
	@$(TARGET)/release/cofactor demo

test: toolchain peers ## Run every test: units, vectors, real gateways, races, crashes, attacks
	@mkdir -p $(REPORT) && rm -f $(REPORT)/skipped.txt $(REPORT)/notes.txt $(REPORT)/proxies.md
	$(CARGO_BUILD) --all-targets
	@status=0; \
	COFACTOR_REPORT=$(abspath $(REPORT)) cargo test --release --locked --workspace --no-fail-fast 2>&1 | tee $(REPORT)/tests.txt || status=$$?; \
	COFACTOR_REPORT=$(abspath $(REPORT)) tests/fuzzing 60 || status=1; \
	cat $(REPORT)/proxies.md 2>/dev/null || true; \
	$(TARGET)/release/evidence tests/attacks.toml tests/coverage.md $(REPORT)/tests.txt || status=1; \
	exit $$status

bench: build ## Measure; every figure beside its baseline from the same run
	@$(TARGET)/release/bench

soak: toolchain peers ## The long versions: races, kills, fuzzing, timing, a second build, mutants (hours)
	@mkdir -p $(REPORT)
	$(CARGO_BUILD) --all-targets
	@status=0; \
	COFACTOR_SOAK=1 COFACTOR_REPORT=$(abspath $(REPORT)) PROPTEST_CASES=200000 \
	  cargo test --release --locked --workspace --no-fail-fast -- --nocapture 2>&1 | tee $(REPORT)/soak.txt || status=$$?; \
	cat $(REPORT)/timing.txt; \
	tests/fuzzing 600 2>&1 | tee -a $(REPORT)/soak.txt || status=1; \
	tests/reproducible || status=1; \
	tests/mutants 2>&1 | tee -a $(REPORT)/soak.txt || status=1; \
	exit $$status

build: toolchain ## Build guest and host
	$(CARGO_BUILD)

lint: toolchain ## Formatting, lints, licences and advisories
	cargo fmt --all --check
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	tests/deny

# rustup fetches the component's target where it can; guest/component/build.rs says what to do where it cannot.
toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2; exit 3; }
	@if ! command -v cc >/dev/null || ! ls "$$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" >/dev/null 2>&1; then tests/peers toolchain; fi

# nginx, oathtool, Chromium and the like, which the tests drive.
peers:
	@tests/peers install

clean: ## Remove what was built
	cargo clean

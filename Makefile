# What this needs beyond Rust, make and a C compiler, it installs: see scripts/.
.DEFAULT_GOAL := help
.PHONY: help run build test reference outside mutants upgrades adapter-tests template tour soak soak-ha bench ci ci-full fmt lint openapi postgres schemathesis clerk-differential oidc-provider deny kubernetes kubernetes-lint image package sbom

SCHEMATHESIS_EXAMPLES ?= 100

# Where the tests find the programs that they run, or install them.
TEST_PROGRAMS = CAPYKEYS_TEST_PGBIN="$$(scripts/postgres)" CAPYKEYS_TEST_PGBOUNCER="$$(scripts/pgbouncer)" \
	CAPYKEYS_TEST_GATEWAYS="$$(scripts/gateways)" CAPYKEYS_TEST_FAKETIME="$$(scripts/faketime)" \
	CAPYKEYS_TEST_PROMTOOL="$$(scripts/promtool)"

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## Build and serve on the embedded store (./capykeys-data)
	cargo run --release --locked --bin capykeys -- serve

build: ## Build the binary that the end-to-end tests run
	cargo build --locked --bin capykeys

postgres: ## Find a PostgreSQL for the tests, or install one
	@scripts/postgres

test: build ## Run every test, on a throw-away PostgreSQL too
	$(TEST_PROGRAMS) cargo test --locked --workspace

outside: ## Build an adapter in a project of its own, and run the suite on it
	cargo test --locked --manifest-path tests/outside/Cargo.toml --target-dir target -- --include-ignored

mutants: ## Plant mistakes, one at a time, and see that a test notices each
	$(TEST_PROGRAMS) cargo test --locked --no-fail-fast \
		--package capykeys-cache --package capykeys-conformance --package capykeys-sqlite \
		--package capykeys-postgres --package capykeys-redb --test mutants -- --ignored

# A name of tests/stores, or the path of a file like those.
STORE ?= sqlite,postgres

adapter-tests: build ## Run the end-to-end tests on your own kind of store (STORE=path/of/its.toml)
	CAPYKEYS_TEST_STORES="$(STORE)" $(TEST_PROGRAMS) cargo test --locked --no-fail-fast --package capykeys-tests \
		--test v1 --test command_line --test faults --test promise --test gateways

tour: ## Take the store that is made to be copied on the README's tour, and over kills and restarts
	cargo build --locked --package capykeys-service --example own_store
	CAPYKEYS_TEST_STORES=crates/redb/redb.toml $(TEST_PROGRAMS) cargo test --locked --package capykeys-tests \
		--test v1 --test faults -- tour durability

template: ## Run all end-to-end tests on it
	cargo build --locked --package capykeys-service --example own_store
	$(MAKE) adapter-tests STORE=crates/redb/redb.toml

upgrades: build ## Replace the last release by today's program under load, and back
	@previous="$$(scripts/previous)"; outcome=$$?; \
	if [ $$outcome = 3 ]; then echo "UPGRADES WERE NOT TESTED: the last release is not in this clone." >&2; exit 0; fi; \
	[ $$outcome = 0 ] || exit $$outcome; \
	CAPYKEYS_TEST_PREVIOUS="$$previous" $(TEST_PROGRAMS) \
		cargo test --locked --package capykeys-tests --test upgrades -- --ignored --nocapture

fmt: ## Format the code
	cargo fmt --all

lint: ## Check the format and what clippy says
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

openapi: ## Write the OpenAPI document
	cargo run --locked --quiet --bin capykeys -- openapi > openapi/capykeys.json

reference: ## Write the example of a configuration, and the table of settings in docs/configuration.md
	CAPYKEYS_WRITE_REFERENCE=1 cargo test --locked --quiet --package capykeys-service --lib reference

schemathesis: build ## Test a running service against its own document
	scripts/schemathesis $(SCHEMATHESIS_EXAMPLES)

clerk-differential: ## Compare the session verifier with Clerk's own SDK
	scripts/clerk-differential

oidc-provider: build ## Sign in at a real OpenID provider and manage keys
	scripts/oidc-provider

soak: ## Test the promise about revocation at full length (two hours)
	scripts/soak

ROUNDS ?= 20

soak-ha: ## Let a database cluster fail over in every way, ROUNDS times each (four hours; needs root)
	scripts/soak-ha --rounds $(ROUNDS)

bench: ## Measure: time to ready, idle memory, verification of keys and sessions
	cargo build --locked --release --bin capykeys
	cargo build --locked --release --package capykeys-http --example bare
	scripts/measure
	scripts/bench-verification
	scripts/bench-telemetry
	cargo bench --locked --package capykeys-clerk --package capykeys-usage

kubernetes-lint: ## Check manifests, the chart and the Dockerfile against real schemas
	@scripts/kubernetes-lint; outcome=$$?; \
	if [ $$outcome = 3 ]; then echo "MANIFESTS WERE NOT CHECKED: Go is not here." >&2; exit 0; fi; exit $$outcome

kubernetes: build ## Install, upgrade and remove manifests and chart on a real control plane
	scripts/kubernetes-run

image: ## Build the image twice, compare the digests, and run it as a restricted pod would
	scripts/image-run compile

package: ## Make the Debian package, and take it through its life in a bare Debian
	cargo build --locked --release --bin capykeys
	scripts/package-run

sbom: ## Write target/capykeys.cdx.json, what the program is made of (CycloneDX)
	scripts/sbom

ci: lint test tour outside upgrades schemathesis clerk-differential oidc-provider kubernetes-lint ## What every change must pass
	cargo run --locked --quiet --bin capykeys -- openapi | diff openapi/capykeys.json -

ci-full: ci deny mutants template kubernetes image package sbom ## The same at full length
	scripts/schemathesis 2000
	cargo test --locked --release --package capykeys-cache --lib exhaustive -- --include-ignored --nocapture
	CAPYKEYS_TEST_KILL_ROUNDS=200 CAPYKEYS_TEST_FAULT_SECONDS=10 CAPYKEYS_TEST_SPLITS=20 $(TEST_PROGRAMS) \
		cargo test --locked --package capykeys-tests
	CAPYKEYS_TEST_PATRONI="$$(scripts/patroni)" $(TEST_PROGRAMS) \
		cargo test --locked --package capykeys-tests --test promise -- --ignored patroni
	CAPYKEYS_TEST_HA_REPORT="$$(mktemp)" scripts/soak-ha --debug
	scripts/bare-root

deny: ## Check licences and sources of all dependencies
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --offline check bans licenses sources

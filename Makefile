# What this needs beyond Rust, make and a C compiler, it installs: see scripts/.
.DEFAULT_GOAL := help
.PHONY: help run demo build postgres test outside mutants adapter-tests tour template upgrades fmt lint openapi openapi-lint reference monitoring monitoring-lint schemathesis clerk-differential oidc-provider soak soak-ha bench kubernetes-lint kubernetes image package sbom ci ci-full deny pages clients clients-fast openapi-diff verifiers verifiers-full budget

SCHEMATHESIS_EXAMPLES ?= 100

# Where the tests find the programs that they run, or install them.
TEST_PROGRAMS = CAPYKEYS_TEST_PGBIN="$$(scripts/postgres)" CAPYKEYS_TEST_PGBOUNCER="$$(scripts/pgbouncer)" \
	CAPYKEYS_TEST_GATEWAYS="$$(scripts/gateways)" CAPYKEYS_TEST_FAKETIME="$$(scripts/faketime)" \
	CAPYKEYS_TEST_PROMTOOL="$$(scripts/promtool)"

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: ## Build and serve on the embedded store (./capykeys-data)
	cargo run --release --locked --bin capykeys -- serve

demo: ## All of it on this machine, under load: PostgreSQL, two servers, a gateway, Prometheus (DEMO_SECONDS ends it)
	cargo build --locked --bin capykeys
	@CAPYKEYS_TEST_PGBIN="$$(scripts/postgres)" CAPYKEYS_TEST_GATEWAYS="$$(scripts/gateways envoy)" \
		CAPYKEYS_TEST_PROMTOOL="$$(scripts/promtool)" \
		cargo run --locked --package capykeys-tests --example demo

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

openapi: build ## Write the OpenAPI documents
	target/debug/capykeys openapi >openapi/capykeys.json
	target/debug/capykeys openapi --internal >openapi/internal.json
	target/debug/capykeys openapi --openapi-3.0 >openapi/3.0/capykeys.json
	target/debug/capykeys openapi --openapi-3.0 --internal >openapi/3.0/internal.json

openapi-lint: ## Check the OpenAPI documents as linters recommend
	scripts/openapi-lint

RULES = deploy/kubernetes/components/monitoring/rules.yaml

reference: ## Write what is made of something else: settings' example and table, the rules for Kubernetes
	CAPYKEYS_WRITE_REFERENCE=1 cargo test --locked --quiet --package capykeys-service --lib reference
	{ sed '/^spec:/q' $(RULES); sed 's/^./  &/' deploy/monitoring/alerts.yaml; } >target/rules.yaml && cp target/rules.yaml $(RULES)

monitoring: build ## See all panels and the alerts on a real Prometheus (eleven minutes)
	scripts/monitoring

monitoring-lint: ## Check the dashboard against Grafana's own types
	@command -v go >/dev/null || { echo "THE DASHBOARD WAS NOT CHECKED: Go is not here." >&2; exit 0; }; \
		cd tests/monitoring/dashboard && GOWORK=off go run . ../../../deploy/monitoring/dashboard.json

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
	cargo build --locked --release --package capykeys-http --package capykeys-ext-authz --examples
	scripts/measure
	scripts/bench-verification
	scripts/bench-telemetry
	cargo bench --locked --package capykeys-clerk --package capykeys-usage --package capykeys-http --package capykeys-cache

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

# A script whose programs cannot be had here says so and ends with 3. That passes as part of `make ci`, which has much
# else to look at; a target that somebody asks for fails.
UNLESS_MISSING = outcome=$$?; [ $$outcome = 0 ] || [ $$outcome = "$(PASSES)" ] || exit $$outcome
ci ci-full: PASSES = 3

ci: lint openapi-lint openapi-diff deny test tour outside upgrades schemathesis clerk-differential oidc-provider kubernetes-lint monitoring-lint clients-fast ## What every change must pass

ci-full: ci mutants template kubernetes monitoring image package sbom pages verifiers verifiers-full ## The same at full length
	scripts/clients java rust
	DEMO_SECONDS=20 $(MAKE) demo
	scripts/schemathesis 2000
	cargo test --locked --release --package capykeys-cache --lib exhaustive -- --include-ignored --nocapture
	CAPYKEYS_TEST_KILL_ROUNDS=200 CAPYKEYS_TEST_FAULT_SECONDS=10 CAPYKEYS_TEST_SPLITS=20 $(TEST_PROGRAMS) \
		cargo test --locked --package capykeys-tests
	CAPYKEYS_TEST_PATRONI="$$(scripts/patroni)" $(TEST_PROGRAMS) \
		cargo test --locked --package capykeys-tests --test promise -- --ignored patroni
	CAPYKEYS_TEST_HA_REPORT="$$(mktemp)" scripts/soak-ha --debug
	scripts/restore-run
	scripts/measure-copy 10000 10
	@scripts/budget; $(UNLESS_MISSING)
	scripts/bare-root

deny: ## Check weaknesses, licences and sources of all dependencies
	@scripts/deny

pages: build ## Look at /docs and /console in a real browser: by keyboard, with axe, in dark and light, on a phone
	@scripts/pages; $(UNLESS_MISSING)

clients: build ## Generate clients with the generators of each language, and have them manage keys
	cargo build --locked --package capykeys-tests --example clients
	scripts/clients $(LANGUAGES)

# Without Rust's, whose dependencies take minutes to compile, and Java's, whose packages are another registry's.
LANGUAGES_IN_CI = curl typescript go python

# Where a language is not installed, its clients are not tried, and that is said.
clients-fast: build
	@cargo build --locked --package capykeys-tests --example clients
	@scripts/clients $(LANGUAGES_IN_CI); $(UNLESS_MISSING)

openapi-diff: ## Compare the OpenAPI documents with those of the last release: a break has to be in CHANGELOG.md
	@scripts/openapi-diff planted && scripts/openapi-diff; $(UNLESS_MISSING)

verifiers: build ## Try the libraries of clients/ that guard services: all by the same cases, on two replicas
	@$(TEST_PROGRAMS) scripts/verifiers most; $(UNLESS_MISSING)

verifiers-full: build ## What that leaves out and more revocations, and package the libraries
	@CAPYKEYS_TEST_REVOCATIONS=50 $(TEST_PROGRAMS) scripts/verifiers rest; $(UNLESS_MISSING)
	@scripts/verifiers pack; $(UNLESS_MISSING)

budget: ## Count the instructions of requests, which may not cost 5 % more than scripts/budget.json says
	cargo build --locked --release --bin capykeys
	scripts/budget

# Every target needs nothing but Go: PostgreSQL is found, or fetched, by the programs themselves.

GO        ?= go
GOFUMPT   := mvdan.cc/gofumpt@v0.12.0
GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## the whole product on this machine, against the simulator
	@$(GO) run ./cmd/demo

.PHONY: test
test: ## every test, against a real PostgreSQL
	$(GO) test -timeout 20m -parallel 6 ./...

.PHONY: lint
lint: ## format, vet and static analysis
	@unformatted=$$($(GO) run $(GOFUMPT) -l .) && \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./... && $(GO) vet -tags chaos ./...
	$(GO) run $(GOLANGCI) run

.PHONY: bench
bench: ## the measurements of the README
	$(GO) run ./cmd/bench

.PHONY: chaos
chaos: ## the fault harness
	$(GO) run ./cmd/chaos -seed 1 -invoices 2000

.PHONY: nightly
nightly: ## what takes an hour or more: races, fuzzing, every crash point, the faults at length, the harness's own proof
	$(GO) test -race -timeout 60m -parallel 6 ./...
	@for package in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -d' ' -f2); do \
			(cd $$package && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime 5m .) || exit 1; \
		done; \
	done
	$(GO) test -tags chaos -run 'TestCrashPoints|TestPoison|TestLarge' -parallel 8 ./cmd/choriste
	$(GO) test ./worker -run TestTraffic -args -traffic 10m
	for seed in 1 2 3 4 5 6; do $(GO) run ./cmd/chaos -seed $$seed -invoices 10000 || exit 1; done
	$(GO) run ./cmd/chaos -teeth

.PHONY: build
build: ## static binaries in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/choriste ./cmd/chorus-sim

.PHONY: secrets
secrets: ## the files that compose.yaml reads, for a trial against the simulator
	@sh deploy/secrets.sh

# Every target needs nothing but Go: PostgreSQL is found, or fetched, by the programs themselves.

GO        ?= go
GOFUMPT   := mvdan.cc/gofumpt@v0.12.0
NFPM      := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
VULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## the whole product on this machine, against the simulator
	@$(GO) run ./cmd/demo

# The packages that take longest, first: begun last, one of them would be left alone at the end. Most of what tests do is waiting, so that three at a time keep two cores busy.
LONGEST := ./worker ./cmd/choriste ./console ./store
AT_ONCE := $$(n=$$(getconf _NPROCESSORS_ONLN); [ "$$n" -gt 3 ] && echo $$n || echo 3)

.PHONY: test
test: ## the tests, against a real PostgreSQL
	$(GO) test -timeout 20m -p $(AT_ONCE) -parallel 6 $(LONGEST) ./...

# From TestADatabaseThatLivesInThePast on: families of similar cases in ./worker, of which some cases stand for all in make test.
LONG := TestAYear|TestTraffic|TestEveryRewind|TestMeasureLong|TestLong|TestInABrowser|TestStatementsAgainstTheModel|TestADatabaseThatLivesInThePast|TestAFilterThatIsNotHonoured|TestALostAnswerToARemedy|TestAPortalThatShowsLate|TestARestoreWhileOneOfSeveralAccountsWasSending|TestAStartWaitsForThePortalAndSaysSo|TestAnOldFileVouchesForNothing|TestAttachmentsGoWhenTheInvoiceIsSuspended|TestAttachmentsGoWithASubmission|TestLostAnswersAreFoundAgain|TestLostAnswersToASubmissionAreFoundAgain|TestNoRewindSendsTwice|TestOutages|TestSearchesThatGiveNoAnswerAreSeen|TestTheAnnuaireMayBeMissing|TestWhatARestoreLostIsInsertedAgainLate|TestWhoHoldsALock

.PHONY: test-long
test-long: ## the tests that take minutes each: a simulated year, traffic with every fault, every case of each family, the model at length, every measurement in small
	$(GO) test -tags long -timeout 60m -parallel 6 -run '$(LONG)' -v ./worker ./cmd/bench ./chorus ./console ./internal/chaos ./store

.PHONY: proofs
proofs: test-long ## what a change of the protocol must pass, an hour: the long tests, races, fuzzing for 5 s each, every crash point, a fault run
	$(GO) test -race -timeout 20m -parallel 6 -skip=TestStatementsAgainstTheModel ./chorus ./console ./jobs ./store
	$(GO) test -race -timeout 20m -parallel 6 -run '$(CONCURRENT)' ./worker
	@$(call fuzz,5s)
	$(GO) test -tags chaos -run TestCrashPoints -parallel 4 ./cmd/choriste
	$(GO) run ./cmd/chaos -seed 2 -invoices 600 -untimed

# The rest of ./worker takes minutes under the race detector, most of them waiting: make nightly has all of it.
CONCURRENT := TestOneInvoice|TestLoops|TestWorkThat|TestComplaints|TestOutages|RotatedUnderLoad|TestAccountsComeAndGo|TestTheFleet|TestTwoWorkers|TestProbes|TestAdvisoryLocks

# fuzz runs each fuzz target for so long.
define fuzz
for package in $$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do \
	for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -d' ' -f2); do \
		(cd $$package && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(1) .) || exit 1; \
	done; \
done
endef

.PHONY: lint
lint: ## format, vet and static analysis
	@unformatted=$$($(GO) run $(GOFUMPT) -l .) && \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet -tags chaos,long ./...
	$(GO) run $(GOLANGCI) run # vets what is built without the tag chaos, too

.PHONY: bench
bench: ## the measurements of the README
	$(GO) run ./cmd/bench

.PHONY: chaos
chaos: ## the fault harness
	$(GO) run ./cmd/chaos -seed 1 -invoices 2000

.PHONY: traffic
traffic: ## an hour of simulated traffic with planted faults of every kind
	$(GO) test -tags long ./worker -v -timeout 90m -run TestTraffic -args -traffic 60m

.PHONY: nightly
nightly: ## what takes an hour or more: races, fuzzing, every crash point, the faults at length, the harness's own proof
	$(GO) test -race -tags long -timeout 60m -parallel 6 ./...
	@$(call fuzz,5m)
	$(GO) test -tags chaos -run 'TestCrashPoints|TestPoison|TestLarge|TestRollingUpgrade' -parallel 8 ./cmd/choriste
	$(GO) test -tags long ./worker -run TestTraffic -args -traffic 10m
	for seed in 1 2 3 4 5 6; do $(GO) run ./cmd/chaos -seed $$seed -invoices 10000 || exit 1; done
	$(GO) run ./cmd/chaos -teeth

.PHONY: build
build: ## static binaries in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/choriste ./cmd/chorus-sim

# Of the last commit, so that a package of it is always the same; a tag v1.2.3 is the version 1.2.3.
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null | sed s/^v// | grep . || git log -1 --date=format:%Y%m%d%H%M%S --format=0.0.0~%cd.%h)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
# A release says which commit it is of, whatever GOFLAGS says; where git cannot tell, there is none.
RELEASE := CGO_ENABLED=0 GOOS=linux $(GO) build -buildvcs=true -trimpath -ldflags="-s -w -buildid="

.PHONY: licences
licences: ## the licence of each module in the binary; fails on one that is not allowed; their texts in dist/
	@mkdir -p dist
	@$(GO) run ./deploy/licences -notices dist/THIRD-PARTY-NOTICES.txt ./cmd/choriste

.PHONY: package
package: licences ## Debian packages for amd64 and arm64, and their sums, in dist/
	@$(GO) run ./cmd/choriste man dist/man
	@rm -f dist/choriste_* # of other commits: they would be summed, and tried, in the place of these
	@for arch in amd64 arm64; do \
		GOARCH=$$arch $(RELEASE) -o dist/choriste_linux_$$arch ./cmd/choriste && \
		ARCH=$$arch VERSION='$(VERSION)' BINARY=dist/choriste_linux_$$arch $(GO) run $(NFPM) package --config deploy/package/nfpm.yaml --packager deb --target dist/ || exit 1; \
	done
	@cd dist && sha256sum choriste_* >SHA256SUMS && cat SHA256SUMS

.PHONY: sign
sign: ## signs the sums in dist/ by the maker's SSH key: make sign KEY=FILE
	@sh deploy/sign.sh "$(KEY)"

.PHONY: try-package
try-package: package ## installs the package into an empty root, and runs what can be run there
	@sh deploy/package/try.sh dist/choriste_*_$$($(GO) env GOARCH).deb

.PHONY: reproducible
reproducible: ## builds the last commit twice, in two folders, and compares
	@sh deploy/reproducible.sh

.PHONY: sbom
sbom: ## what the binary is made of, as CycloneDX, in dist/
	@mkdir -p dist
	$(GO) run $(CYCLONEDX) app -json -licenses -packages=false -main cmd/choriste -output dist/choriste.cdx.json .

.PHONY: vulnerabilities
vulnerabilities: ## known vulnerabilities in what is called; asks vuln.go.dev
	$(GO) run $(VULNCHECK) ./cmd/choriste

.PHONY: secrets
secrets: ## the files that compose.yaml reads, for a trial against the simulator
	@sh deploy/secrets.sh

# Targets for people; `make help` lists them.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := v1.9.0
FUZZTIME := 60s
SOAKTIME := 10m

.PHONY: help demo build test lint vuln bench bench-million benchmarks fuzz mutate soak peers deb release man

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## show what onbehalf does: no root, no network, half a minute
	@bin/onbehalf demo

build: ## bin/onbehalf
	@go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/onbehalf ./cmd/onbehalf

test: peers ## all tests, with the race detector, beside a real Postfix (as root)
	go test ./keys ./milter # what these measure in bytes: the race detector takes memory of its own
	go test -race -timeout 20m ./...

peers: ## install the programs that the tests need, where root and missing
	@sh test/peers.sh

lint: ## formatting, vet, static analysis
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	@go mod tidy -diff >/dev/null || { echo "go.mod or go.sum is not tidy, run go mod tidy" >&2; exit 1; }

vuln: ## known vulnerabilities in what we build from; needs the network
	@test/vuln.sh $(GOVULNCHECK)

bench: ## a table: CPU, rates and memory beside other signers that are installed; ten minutes
	@go test -run '^$$' -bench 'Table|Floor' -benchtime 1x -timeout 60m ./test/bench
	@echo 'what a header of a megabyte costs, whatever is in it:'
	@go test -run '^$$' -bench Header -benchtime 5x ./rewrite ./milter

bench-million: ## a million tenants: start, memory, messages while all is reloaded; 5 GB
	@go test -run '^$$' -bench Million -benchtime 1x -timeout 30m ./test/bench

benchmarks: ## all benchmarks of the packages
	go test -run '^$$' -bench . -benchmem $$(go list ./... | grep -v '/test/bench$$')

fuzz: ## fuzzing, FUZZTIME (a minute) for each fuzz test, one on each processor at a time
	@test/fuzz.sh $(FUZZTIME)

soak: peers ## a host under load, reloads and faults for SOAKTIME (10 minutes): what is lost, twice, unsigned, and what grows
	SOAKTIME=$(SOAKTIME) go test -run '^TestSoak$$' -count 1 -v -timeout 24h ./test

mutate: ## change one condition at a time in TARGETS (all: half an hour), and list what no test notices
	go run ./test/mutate $(TARGETS)

deb: ## bin/onbehalf_VERSION_ARCH.deb for amd64 and arm64: no root, any system with Go and git
	@packaging/deb amd64 arm64

release: ## of the tag that is checked out: packages, release notes and checksums, in bin/release
	@packaging/release

man: ## the man pages, in bin/man: man -l bin/man/onbehalf.8
	@packaging/man bin/man

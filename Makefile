# make help lists what there is. Settings go on the command line: make fuzz FUZZTIME=5m

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

TESTFLAGS ?=
TIMEOUT   ?= 10m
FUZZTIME  ?= 20s
HOURS     ?= 1

# The folders of all modules that go.work ties together.
MODULES = $(or $(shell GOWORK='$(CURDIR)/go.work' go list -m -f '{{.Dir}}'),$(error cannot list the modules of go.work))

# Recipes open with one of these, because a shell goes on after an error unless told otherwise.
strict      = set -euo pipefail;
each_module = $(strict) for dir in $(MODULES); do cd "$$dir"; mod=$$(GOWORK=off go list -m);

# The linter is built from tools/go.mod, which pins it and is kept out of go.work, because the modules that it needs
# would otherwise take part in choosing versions for ours. One binary for each Go version and set of pins.
LINT := $(CURDIR)/.cache/bin/golangci-lint-$(firstword $(shell go env GOVERSION))

.PHONY: help
help: ## list the targets
	@$(strict) sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do \
		printf '  make %-13s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: ## run the demo shop, break it and watch it recover (KEEP=1 keeps it running afterwards)
	cd cmd/hale && go build -o '$(CURDIR)/.cache/bin/hale' .
	cd examples && KEEP='$(KEEP)' go run ./shop demo -hale '$(CURDIR)/.cache/bin/hale'

# The programs that tests start, and the Debian packages that bring them. RUNLEVEL=1 keeps the packages from starting
# services of their own.
.PHONY: deps
deps: ## install the servers that tests start: Debian packages, when root
	@$(strict) PATH="$$PATH:/usr/sbin:/usr/local/sbin"; missing=(); \
	command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql); \
	for server in redis-server nats-server prometheus; do command -v $$server >/dev/null || missing+=($$server); done; \
	[ "$$(uname)" != Linux ] || { [ -x /lib/systemd/systemd ] && command -v systemd-socket-activate >/dev/null; } || missing+=(systemd); \
	if [ $${#missing[@]} = 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "the tests need these servers: $${missing[*]}; on Debian and Ubuntu: sudo apt-get install $${missing[*]}" >&2; exit 1; fi; \
	apt-get update -qq; \
	RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"

.PHONY: soak
soak: ## run the healthy service with faults that come and go for HOURS (1), and check that hale stays flat
	cd examples && go run ./soak -hours '$(HOURS)'

.PHONY: test
test: deps test-modules test-sdk test-cross lint ## all that CI runs: vet, tests with -race in every module, the SDK on its own, lint

.PHONY: test-modules
test-modules: ## go vet and go test -race in every module
	@$(each_module) echo "== $$mod: vet, test -race"; \
		go vet ./...; \
		go test -race -timeout=$(TIMEOUT) $(TESTFLAGS) ./...; done

.PHONY: test-sdk
test-sdk: ## build and test the SDK as its users get it: without go.work and without -race
	@echo "== the SDK with GOWORK=off: build, test"
	@GOWORK=off go build ./...
	@GOWORK=off go test -timeout=$(TIMEOUT) $(TESTFLAGS) ./...

# Where the SDK must build. docs/platforms.md says what it cannot do where.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: test-cross
test-cross: ## compile and vet the SDK and its tests for linux, darwin and windows, on amd64 and arm64
	@$(strict) for platform in $(PLATFORMS); do echo "== the SDK on $$platform: build, vet"; \
		export GOWORK=off CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		go build ./...; go vet ./...; done

.PHONY: run-chaos
run-chaos: ## run a service under "hale run", break it under load, and count the requests that are lost
	cd cmd/hale && go build -o '$(CURDIR)/.cache/bin/hale' .
	cd examples && go run ./handover chaos -hale '$(CURDIR)/.cache/bin/hale'

.PHONY: bench
bench: ## measure hale and its alternatives side by side
	cd bench && go run .

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (20s)
	@$(each_module) \
		go test -list='^Fuzz' ./... | awk '/^Fuzz/ {name[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, name[i]; n = 0}' | \
		while read -r pkg name; do echo "== $$pkg $$name"; \
			go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -timeout=$(TIMEOUT) "$$pkg" </dev/null; done; done

.PHONY: lint
lint: $(LINT) ## check the code with golangci-lint (.golangci.yml)
	@$(each_module) echo "== $$mod: lint"; \
		"$(LINT)" run --timeout=$(TIMEOUT) ./...; done

.PHONY: fmt
fmt: $(LINT) ## format the code
	@$(each_module) "$(LINT)" fmt ./...; done

$(LINT): tools/go.mod tools/go.sum
	@echo "== building golangci-lint, once; this takes some minutes"
	@GOWORK=off go build -C tools -o '$@' github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch '$@'

.PHONY: clean
clean: ## remove what the Makefile built
	rm -rf .cache

# What people do with this repository. "make" alone lists it. Go and make are enough.

STATICCHECK_VERSION := v0.8.2
FUZZTIME ?= 10s
PACKAGES ?= ./...

# Parts of Google's libraries that nothing here uses: a third of the program's size.
TAGS := disable_grpc_modules,grpcnotrace

# A commit is stamped into the program only where git can tell it.
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)

.PHONY: help demo demo-push run build test bench fuzz lint clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: build ## see a login, without any setup
	@bin/radpush demo

demo-push: ## see what push services receive of a login, without a network
	@go run -tags $(TAGS) ./cmd/demo-push

run: build ## run a server to play with; it keeps its state in ./var
	@bin/radpush playground var

build: ## build bin/radpush, one static file
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -buildvcs=$(VCS) -o bin/radpush ./cmd/radpush

# The race detector needs cgo, so a C compiler that can link.
test: ## run all tests, with the race detector where there is a C compiler
	@mkdir -p bin; race=; \
	if [ "$$(go env CGO_ENABLED)" = 1 ] && echo 'int main(void) { return 0; }' | $$(go env CC) -x c -o bin/cc-works - 2>/dev/null; \
	then race=-race; rm bin/cc-works; else echo "no C compiler: testing without the race detector"; fi; \
	{ go test -v -tags $(TAGS) $$race -timeout 18m $(PACKAGES); echo "exit status of go test: $$?"; } | awk -f .ci/test.awk

bench: ## run all benchmarks
	go test -tags $(TAGS) -run '^$$' -bench . -benchmem $(PACKAGES)

fuzz: ## fuzz every target for FUZZTIME (10s)
	@mkdir -p bin
	@go test -tags $(TAGS) -list '^Fuzz' $(PACKAGES) | awk '/^Fuzz/ { names = names " " $$1 } \
		/^(ok|FAIL)/ { n = split(names, name, " "); for (i = 1; i <= n; i++) print $$2, name[i]; names = "" } \
		/^FAIL/ { bad = 1 } END { exit bad }' >bin/fuzz-targets
	@while read -r package target; do \
		echo "== $$package $$target"; \
		go test -tags $(TAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" || exit 1; \
	done <bin/fuzz-targets

lint: bin/staticcheck-$(STATICCHECK_VERSION) ## check format, vet, staticcheck
	@unformatted=$$(gofmt -l .) && [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet -tags $(TAGS) ./...
	bin/staticcheck-$(STATICCHECK_VERSION) -tags $(TAGS) ./...

bin/staticcheck-%:
	GOBIN=$(CURDIR)/bin go install honnef.co/go/tools/cmd/staticcheck@$*
	mv bin/staticcheck $@

clean: ## remove what was built
	rm -rf bin

# Headrace: `make up` runs the service, `make test` proves it. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Extra arguments for `headrace up`, for instance: make up ARGS="--listen 127.0.0.1:9000 --no-demo"
ARGS ?=
# How many seeds `make sim` runs.
SEEDS ?= 200

.PHONY: help up build image test test-kubernetes check bench bench-kubernetes clean setup fmt sim

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

up: build ## Do all set-up, build, start the service in the foreground
	@exec target/release/headrace up $(ARGS)

build: ## Build target/release/headrace, complete with the dashboard
	@scripts/setup build
	@scripts/with-tools scripts/build-dashboard
	@scripts/with-tools cargo build --release -p headrace

image: build ## Make the container image of the release build, in target/image/
	@scripts/with-tools scripts/image

test: ## Do all set-up and run every test
	@scripts/setup test
	@scripts/with-tools scripts/test

test-kubernetes: ## Bring up a Kubernetes, test the chart and clusters on it, take it down
	@scripts/setup kubernetes
	@scripts/with-tools scripts/test-kubernetes

check: ## Formatting, lints, licences and generated files
	@scripts/setup build
	@scripts/with-tools scripts/check

bench: build ## Compare with Apache Kafka on this machine; writes bench/results/
	@scripts/setup bench
	@scripts/with-tools scripts/bench

bench-kubernetes: build ## Measure what running on Kubernetes costs; writes bench/results/kubernetes.md
	@scripts/setup kubernetes
	@scripts/with-tools scripts/bench-kubernetes

sim: ## Simulate whole clusters under faults: make sim SEEDS=1000
	@scripts/setup build
	@scripts/with-tools scripts/sim $(SEEDS)

fmt: ## Format the Rust code
	@scripts/with-tools cargo fmt --all

clean: ## Remove what was built (never a service's data)
	rm -rf target dashboard/dist dashboard/node_modules e2e/.venv e2e/.cache bench/.cache

# Everything that a developer or the CI does. `make` alone shows this list.
SHELL := /bin/bash
# Where rustup puts cargo, for shells that were open before.
export PATH := $(PATH):$(HOME)/.cargo/bin

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:  ## OSP in front of a small S3 server on this machine, until Ctrl-C
	@examples/quickstart/run.sh

demo:  ## the same, driven by aws-cli with every result checked
	@examples/quickstart/demo.sh

test:  ## every test: Rust, the demo, real clients against Ceph RGW and SeaweedFS, a real kube-apiserver
	.ci/install redis-server postgresql openssl
	# What the last step needs is fetched and built beside the others: they leave the network and half a core idle.
	@nice e2e/run.sh prepare & prepared=$$!; trap "kill $$prepared" EXIT; set -e; \
	cargo test --locked --workspace; \
	python-hooks/test.sh; \
	examples/quickstart/demo.sh; \
	wait $$prepared; trap - EXIT; \
	e2e/run.sh quick

e2e:  ## real clients against all four backends, long Kubernetes scenarios (the first time builds MinIO and Garage)
	e2e/run.sh all

check:  ## format, lints, dependencies, documentation, scripts
	@.ci/check

bench:  ## OSP beside nginx and a bare pingora proxy
	e2e/bench/run.sh

fuzz:  ## every fuzz target for a minute each (SECONDS_EACH=60), one after the other
	.ci/install
	@tests/fuzz/run.sh

mutants:  ## changes the code of sigv4, access and the classifier in every way that a test should notice (hours)
	.ci/install
	@tests/mutants/run.sh

fmt:  ## formats all Rust
	cargo fmt --all

.PHONY: help run demo test e2e check bench fuzz mutants fmt

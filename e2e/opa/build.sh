#!/usr/bin/env bash
# Builds the Open Policy Agent from its Go module into the cache and prints its path.
# The cache is ${XDG_CACHE_HOME:-~/.cache}/osp-e2e/opa-<version>/opa; a program that is there is not built again. The
# version comes from go.mod, the only place that names it.
set -euo pipefail

cd "$(dirname "$0")"
version=$(awk '$1 == "github.com/open-policy-agent/opa" { print $2 }' go.mod)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e/opa-$version
program=$folder/opa
if [ -x "$program" ]; then
    printf '%s\n' "$program"
    exit
fi
command -v go >/dev/null || {
    printf 'OPA is built from its Go module: Go %s or newer is needed on PATH\n' "$(awk '$1 == "go" { print $2 }' go.mod)" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9 # two runs at once build it once
if [ ! -x "$program" ]; then
    printf '== building OPA %s into %s\n' "$version" "$folder" >&2
    started=$(date +%s)
    CGO_ENABLED=0 GOFLAGS=-mod=readonly nice -n 10 go build -buildvcs=false -trimpath -ldflags "-s -w" -o "$program.partial" github.com/open-policy-agent/opa
    mv "$program.partial" "$program"
    printf '== OPA built in %d s\n' "$(($(date +%s) - started))" >&2
fi
printf '%s\n' "$program"

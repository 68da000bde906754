#!/usr/bin/env bash
# Builds one Kubernetes program from its Go module into the cache and prints its path.
#   build.sh kube-apiserver | kubectl
# The cache is ${XDG_CACHE_HOME:-~/.cache}/osp-e2e/<tool>-<version>/<tool>; a program that is there is not built again. One program per call, so
# that a time limit loses one build and not both. The version comes from go.mod, the only place that names it.
set -euo pipefail

tool=${1:?which program: kube-apiserver or kubectl}
case $tool in kube-apiserver | kubectl) ;; *)
    printf '%s is not one of kube-apiserver, kubectl\n' "$tool" >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")"
version=$(awk '$1 == "require" && $2 == "k8s.io/kubernetes" { print $3 } $1 == "k8s.io/kubernetes" && $2 ~ /^v/ { print $2 }' go.mod)
wanted_go=$(awk '$1 == "go" { print $2 }' go.mod)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e/$tool-$version
program=$folder/$tool
if [ -x "$program" ]; then
    printf '%s\n' "$program"
    exit
fi

command -v go >/dev/null || {
    printf '%s is built from its Go module: Go %s or newer is needed on PATH\n' "$tool" "$wanted_go" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9 # two runs at once build it once
if [ ! -x "$program" ]; then
    printf '== building %s %s into %s (kube-apiserver takes minutes without a Go build cache)\n' "$tool" "$version" "$folder" >&2
    number=${version#v}
    # Unstamped binaries call themselves v0.0.0-master+$Format:%H$, which no client accepts as a version.
    stamp="-s -w"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        stamp="$stamp -X $package.gitVersion=$version -X $package.gitMajor=${number%%.*} -X $package.gitMinor=$(cut -d. -f2 <<<"$number") -X $package.gitTreeState=archive"
    done
    started=$(date +%s)
    # An older Go than go.mod asks for says so itself, or fetches the right one where GOTOOLCHAIN lets it.
    CGO_ENABLED=0 GOFLAGS=-mod=readonly nice -n 10 go build -buildvcs=false -trimpath -ldflags "$stamp" -o "$program.partial" "k8s.io/kubernetes/cmd/$tool"
    mv "$program.partial" "$program"
    printf '== %s %s built in %d s\n' "$tool" "$version" "$(($(date +%s) - started))" >&2
fi
printf '%s\n' "$program"

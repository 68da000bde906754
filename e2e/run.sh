#!/bin/bash
# The e2e suite: real S3 servers, real clients, a real kube-apiserver, OSP between them.
#   e2e/run.sh quick [pytest arguments]    Ceph RGW and SeaweedFS; the core of the Kubernetes tests
#   e2e/run.sh all   [pytest arguments]    and MinIO, Garage and the clients in Go, Java and Rust, which are built once
#                                          into the cache folder; everything
#   e2e/run.sh prepare                     only installs and builds what `quick` needs beside OSP
# Without pytest arguments the Kubernetes tests, which mostly wait, run beside the others in a pytest of their own.
# Installs what is missing and says what. OSP_BIN names another binary; OSP_E2E_DIRECT=1 leaves OSP out, so that the
# tests and the servers themselves are tried. Ends with pytest's closing line and exits with its code.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$here")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e
minio_module=v0.0.0-20250907161309-07c3a429bfed
minio_folder=$cache/minio-20250907161309
garage_version=2.5.0
garage_folder=$cache/garage-$garage_version
oldest_go=24

say() { printf 'e2e: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

mode=${1:-quick}
shift || true
case $mode in
  quick) backends=ceph,seaweedfs depth=() ;;
  all) backends=ceph,seaweedfs,minio,garage depth=(--full) ;;
  prepare) ;;
  *) die "usage: e2e/run.sh quick|all [pytest arguments] | prepare" ;;
esac

install_packages() {
  local package missing=() as_root=()
  local wanted=(ceph-mon ceph-osd ceph-mgr radosgw ceph-common etcd-server awscli nginx-light openssl python3-venv squid redis-server
    postgresql)
  [[ $mode != all ]] || wanted+=(openjdk-17-jdk-headless maven)
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing Debian packages: ${missing[*]}"
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq >&2 9>&-
  # a service that a package starts must not keep the lock
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1 9>&- ||
    { tail -20 "$cache/apt.log" >&2; die "apt-get failed"; }
}

# make_venv FILE [PYTHON]: the environment for a file of requirements, in $venv.
make_venv() {
  local python=${2:-python3} hash
  "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || python=/usr/bin/python3
  hash=$(sha256sum "$1" | cut -c1-16)
  venv=$cache/venv-$hash
  [[ -e $venv/complete ]] && return
  say "making the Python environment $venv"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$1"
  touch "$venv/complete"
}

# Each program is a build of its own in the cache, so that a time limit loses one of them and not all.
build_kubernetes() {
  local program
  for program in kube-apiserver kubectl; do
    "$here/kube/tools/build.sh" "$program" >/dev/null || die "$program is missing"
  done
}

build_minio() {
  [[ -x $minio_folder/minio ]] && return
  command -v go >/dev/null || die "MinIO is built from its Go module: Go 1.$oldest_go or newer is needed on PATH"
  local minor
  minor=$(go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')
  ((minor >= oldest_go)) || die "MinIO needs Go 1.$oldest_go or newer; on PATH is $(go env GOVERSION)"
  say "building MinIO $minio_module into $minio_folder (8 minutes on two cores)"
  mkdir -p "$minio_folder"
  GOBIN=$minio_folder CGO_ENABLED=0 GOFLAGS= go install -trimpath -ldflags "-s -w" "github.com/minio/minio@$minio_module"
}

build_garage() {
  [[ -x $garage_folder/bin/garage ]] && return
  say "building Garage $garage_version into $garage_folder (20 minutes on two cores)"
  # The settings of the build of OSP must not leak into it.
  (cd / && env -u CARGO_TARGET_DIR -u RUSTFLAGS cargo install --quiet --locked --root "$garage_folder" "garage@$garage_version")
}

build_clients() {
  local language folder
  for language in go java rust; do
    folder=$("$here/clients/build.sh" "$language") || die "the clients in $language are missing"
    export "OSP_E2E_${language^^}_CLIENTS=$folder"
  done
}

build_osp() {
  [[ ${OSP_E2E_DIRECT:-} != 1 ]] || return 0
  if [[ -n ${OSP_BIN:-} ]]; then
    [[ -x $OSP_BIN ]] || die "OSP_BIN=$OSP_BIN is no program"
    return
  fi
  # A binary that is there may be older than the sources; cargo knows.
  say "building target/release/osp"
  (cd "$repository" && env -u CARGO_TARGET_DIR cargo build --quiet --release --locked --bin osp)
}

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # two runs at once install it once
install_packages
make_venv "$here/requirements-s3fs.txt" # wants another botocore than boto3
export OSP_E2E_S3FS_PYTHON=$venv/bin/python
make_venv "$repository/python-hooks/samples/requirements.txt" /usr/bin/python3 # that of the gateway
OSP_E2E_HOOK_PACKAGES=$(echo "$venv"/lib/python3*/site-packages)
OSP_OPA=$("$here/opa/build.sh") || die "OPA is missing"
export OSP_E2E_HOOK_PACKAGES OSP_OPA
make_venv "$here/requirements.txt"
build_kubernetes
exec 9>&-
[[ $mode != prepare ]] || exit 0
if [[ $mode == all ]]; then
  build_minio
  build_garage
  build_clients
fi
build_osp
if [[ -n ${OSP_BIN:-} ]]; then
  OSP_BIN=$(realpath "$OSP_BIN")
  export OSP_BIN
fi

# The suite's own tools first: `weed` and aws-cli 1 are in the environment. Loopback is never reached through a proxy.
export PATH="$venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$here"
suite=("$venv/bin/python" -m pytest --backends "$backends" "${depth[@]}")
(($# == 0)) || exec "${suite[@]}" "$@"

report=$(mktemp)
"${suite[@]}" -rP kube >"$report" 2>&1 & # with the figures that tests print
kubernetes=$!
trap 'kill "$kubernetes" 2>/dev/null || true; rm -f "$report"' EXIT
failed=0
"${suite[@]}" --ignore kube || failed=$?
say "the Kubernetes tests, which ran beside these"
wait "$kubernetes" || failed=$?
cat "$report"
exit "$failed"

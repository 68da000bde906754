#!/bin/bash
# make bench: builds the release binary and the benchmark, then compares. Arguments: names of rows (all by default).
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in nginx valgrind perf; do
  if ! command -v "$tool" >/dev/null; then missing+=" $tool"; fi
done
if [[ -n "${missing:-}" ]]; then
  echo "installing:$missing"
  packages=${missing/ nginx/ nginx-light}
  packages=${packages/ perf/ linux-perf}
  # shellcheck disable=SC2086 # one word for each package
  apt-get install -y --no-install-recommends $packages
fi
cargo build --locked --release -p osp -p osp-bench
target=${CARGO_TARGET_DIR:-target}/release
exec "$target/osp-bench" "$target/osp" "$@"

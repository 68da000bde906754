#!/bin/bash
# Mutation testing of the code that decides: sigv4, access and the classifier, by the tests of osp-core alone.
#   tests/mutants/run.sh [file ...]      files relative to the repository, instead of all of them
# Ends with 1 when a mutant survives that docs/mutants.md does not list. The report is in the cache folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e
version=27.1.0
tool=$cache/cargo-mutants-$version

if [[ ! -x $tool/bin/cargo-mutants ]]; then
  echo "building cargo-mutants $version into $tool (some minutes)" >&2
  cargo install --quiet --locked --root "$tool" "cargo-mutants@$version"
fi

files=("$@")
((${#files[@]})) || files=('src/core/sigv4/**/*.rs' 'src/core/access/**/*.rs' 'src/core/s3/operation/**/*.rs' src/core/s3/operation.rs)
only=()
for file in "${files[@]}"; do only+=(--file "$file"); done

output=$cache/mutants
mkdir -p "$output"
cd "$repository"
# one at a time: the tests of osp-core use all cores by themselves. Debug symbols, and the tests of how fast tables of many
# routes are compiled, would double the time and notice nothing.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
status=0
PATH=$tool/bin:$PATH nice cargo mutants --package osp-core "${only[@]}" --jobs 1 --timeout 120 \
  --exclude '**/tests.rs' --exclude '**/tests/**' --output "$output" --no-shuffle --colors never -- --locked --lib -- --skip k_ctl_4_ || status=$?
# 0: all caught; 2: some missed; 3: some timed out, which a test noticed
case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac

unknown=0
while IFS= read -r mutant; do
  # line and column move with every edit: a mutant is its file and what it does
  what=$(sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1: /' <<<"$mutant")
  grep -qF -- "\`$what\`" docs/mutants.md || { echo "survives: $mutant" >&2; unknown=1; }
done <"$output/mutants.out/missed.txt"
exit "$unknown"

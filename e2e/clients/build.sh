#!/usr/bin/env bash
# Builds the clients of one language into the cache and prints the folder that they are in.
#   build.sh go | java | rust
# The folder is ${XDG_CACHE_HOME:-~/.cache}/osp-e2e/clients-<language>-<hash of sources and versions>; what is there is
# not built again. One language per call, so that a time limit loses one build and not all.
set -euo pipefail

language=${1:?which language: go, java or rust}
cd "$(dirname "$0")"
case $language in
go | rust) needs=$language ;;
java) needs=javac ;;
*)
    printf '%s is not one of go, java, rust\n' "$language" >&2
    exit 2
    ;;
esac
[ "$needs" != rust ] || needs=cargo
hash=$(find "$language" -type f -not -path '*/target/*' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e/clients-$language-$hash
if [ -e "$folder/complete" ]; then
    printf '%s\n' "$folder"
    exit
fi
command -v "$needs" >/dev/null || {
    printf 'the clients in %s need %s on PATH\n' "$language" "$needs" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9 # two runs at once build it once

build_go() {
    local client
    for client in minio rclone; do
        (cd go && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -buildvcs=false -trimpath -ldflags "-s -w" -o "$folder/$client" "./$client")
    done
}

build_java() {
    local copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
    mvn -q -B -ntp -f java/pom.xml "$copy" -DincludeScope=runtime "-DoutputDirectory=$folder/lib"
    javac --release 17 -d "$folder/classes" -cp "$folder/lib/*" java/src/main/java/JavaClient.java
    # The quickest start: it runs for seconds.
    printf '#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp "%s/classes:%s/lib/*" JavaClient "$@"\n' \
        "$folder" "$folder" >"$folder/run"
    chmod +x "$folder/run"
}

build_rust() {
    # The settings of the build of OSP must not leak into it.
    (cd rust && env -u CARGO_TARGET_DIR -u RUSTFLAGS cargo build --quiet --release --locked --target-dir "$folder/target")
    mv "$folder/target/release/aws-sdk" "$folder/target/release/object-store" "$folder"
    rm -rf "$folder/target"
}

if [ ! -e "$folder/complete" ]; then
    printf '== building the clients in %s into %s\n' "$language" "$folder" >&2
    started=$(date +%s)
    "build_$language" >&2
    touch "$folder/complete"
    printf '== built in %d s\n' "$(($(date +%s) - started))" >&2
fi
printf '%s\n' "$folder"

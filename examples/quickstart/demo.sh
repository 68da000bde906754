#!/usr/bin/env bash
# `make demo`: what `make run` offers, done by itself on free ports, with every result checked.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

exec 3>&1 # what is done is always shown, also where the output of a command is examined
finish() {
  local code=$?
  if [ $code != 0 ] && [ -s "$work/osp.log" ]; then
    say "--- the log of OSP ends with:" && tail -n 30 "$work/osp.log"
  fi >&2
  stop_all
  exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

# Clients see no setting of this machine: no profile, no proxy, no certificates of its own. What aws.conf says is why.
bare() {
  env -u AWS_CA_BUNDLE -u SSL_CERT_FILE -u SSL_CERT_DIR -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE -u AWS_PROFILE \
    -u AWS_SESSION_TOKEN -u AWS_REGION -u AWS_DEFAULT_REGION -u AWS_ENDPOINT_URL -u http_proxy -u HTTP_PROXY \
    -u all_proxy -u ALL_PROXY AWS_CONFIG_FILE="$root/examples/quickstart/aws.conf" \
    AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true "$@"
}
s3() {
  printf '  $ aws s3 %s\n' "$*" >&3
  bare "$aws" --endpoint-url "$osp_url" s3 "$@"
}
as_reader() {
  AWS_ACCESS_KEY_ID=AKIAOSPREADER AWS_SECRET_ACCESS_KEY=osp-reader-secret-key-0 "$@"
}
# refused CODES COMMAND...: the command must fail, and its error must name one of the codes (a pattern).
refused() {
  local codes=$1 output
  shift
  if output=$("$@" 2>&1); then die "this should have been refused: $*"; fi
  grep -oE "An error occurred \(($codes)\).*" <<<"$output" || die "refused, but not with $codes: $output"
}
same() { cmp "$1" "$2" || die "$1 and $2 differ"; }

"$root/.ci/install"
install_aws
build

# The documents of the quickstart, with the port that the backend really got.
start_backend 0
mkdir "$work/documents" "$work/local"
for file in "$root"/examples/quickstart/*.yaml; do
  sed "s#http://127\.0\.0\.1:9000#$backend_url#" "$file" >"$work/documents/${file##*/}"
done
grep -qF "$backend_url" "$work"/documents/*.yaml || die "no document names the backend"
"$target/release/osp" check "$work/documents"
start_osp "$work/documents" 127.0.0.1:0 2>"$work/osp.log"
say "OSP serves $osp_url, the backend is $backend_url"

say "1. Buckets are made by the operator, not by clients:"
refused 'AccessDenied|NotImplemented' s3 mb s3://another

say "2. Up, listed, down:"
cd "$work/local"
head -c 300000 /dev/urandom >picture.bin
s3 cp --no-progress picture.bin "s3://data/a folder/picture 1.bin"
s3 ls "s3://data/a folder/" | tee listing
grep -q ' 300000 picture 1.bin$' listing || die "the listing does not name the object"
s3 cp --no-progress "s3://data/a folder/picture 1.bin" picture.back
same picture.bin picture.back
s3 ls | tee buckets
grep -q ' data$' buckets || die "the bucket is not listed"
grep -q quickstart-data buckets && die "the name of the backend's bucket is shown"

say "3. A presigned URL, fetched without any key:"
url=$(s3 presign "s3://data/a folder/picture 1.bin")
bare curl -sS --fail -o picture.curl "$url"
same picture.bin picture.curl
say "   and one with a changed signature:"
code=$(bare curl -sS -o error.xml -w '%{http_code}' "${url%?}$([ "${url: -1}" = 0 ] && echo 1 || echo 0)")
say "   $code $(<error.xml)"
[ "$code" = 403 ] && grep -q '<Code>SignatureDoesNotMatch</Code>' error.xml || die "a changed signature was not refused"

say "4. A tree, up and down again:"
mkdir -p tree/deep/er
for name in one 'two words' deep/three deep/er/ünï; do printf 'content of %s\n' "$name" >"tree/$name"; done
s3 sync --no-progress tree s3://data/tree/
s3 sync --no-progress s3://data/tree/ tree.back
diff -r tree tree.back || die "the tree came back changed"

say "5. Not everything is allowed:"
refused AccessDenied s3 cp --no-progress picture.bin s3://data/private/picture.bin
s3 cp --no-progress picture.bin s3://data/public/picture.bin
as_reader s3 cp --no-progress s3://data/public/picture.bin picture.reader
same picture.bin picture.reader
refused AccessDenied as_reader s3 cp --no-progress picture.bin s3://data/public/another.bin
say "   a request without any signature gets this:"
code=$(bare curl -sS -o error.xml -w '%{http_code}' "$osp_url/data/public/picture.bin")
say "   $code $(<error.xml)"
[ "$code" = 403 ] && grep -q '<Code>AccessDenied</Code>' error.xml || die "an unsigned request was not refused"
[ ! -e "$work/objects/quickstart-data/private" ] || die "a refused object is at the backend"
refused 'InvalidAccessKeyId|NotSignedUp|AccessDenied' \
  bare "$aws" --endpoint-url "$backend_url" s3 ls s3://quickstart-data

say "6. The lines of README.md, and the documents that the documentation shows:"
(
  cd "$root"
  sed "s#http://127\.0\.0\.1:6190#$osp_url#" examples/quickstart/try.sh >"$work/try.sh"
  bare env PATH="${aws%/*}:$PATH" bash -e "$work/try.sh" >"$work/try.out" || die "a line of README.md failed"
)
grep -qF 's3://data/docs/readme.md' "$work/try.out" || die "the lines of README.md did nothing"
for page in README.md docs/configuration.md; do
  mkdir "$work/page"
  sed -n '/^```yaml documents$/,/^```$/{//!p}' "$root/$page" >"$work/page/documents.yaml"
  grep -q 'kind: BucketRoute' "$work/page/documents.yaml" || die "$page shows no documents"
  "$target/release/osp" check "$work/page" || die "the documents of $page have problems"
  rm -r "$work/page"
done

say "7. Gone again:"
s3 rm "s3://data/a folder/picture 1.bin"
s3 rm --recursive --quiet s3://data/tree/
s3 rm --recursive --quiet s3://data/public/
s3 ls --recursive s3://data >left
[ ! -s left ] || die "something is left: $(<left)"

say "8. OSP ends when it is told to:"
kill -TERM "$osp_pid"
wait "$osp_pid" || die "OSP ended with code $?"
say "demo: all as expected"

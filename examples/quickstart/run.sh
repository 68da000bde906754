#!/usr/bin/env bash
# `make run`: OSP in front of a small S3 server on this machine, until Ctrl-C.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
trap stop_all EXIT
trap 'echo; echo "stopping"; exit 0' INT TERM

install_packages
command -v aws >/dev/null && aws=aws || install_aws
build
start_backend 9000
start_osp "$root/examples/quickstart" 127.0.0.1:6190

cat <<END

OSP serves $osp_url. Clients use its key, the backend ($backend_url) another one that only OSP has.
In another terminal:

  cd $root
  export AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
  export AWS_CONFIG_FILE=examples/quickstart/aws.conf
  echo hello > /tmp/hello.txt
  $aws --endpoint-url $osp_url s3 cp /tmp/hello.txt s3://data/hello.txt
  $aws --endpoint-url $osp_url s3 ls s3://data/
  curl "\$($aws --endpoint-url $osp_url s3 presign s3://data/hello.txt)"
  $aws --endpoint-url $osp_url s3 sync docs s3://data/docs/
  $aws --endpoint-url $osp_url s3 rm s3://data/hello.txt
  $aws --endpoint-url $osp_url s3 cp /tmp/hello.txt s3://data/private/hello.txt   # refused: AccessDenied

Edit examples/quickstart/*.yaml: the change is in force within a second. Objects are in $work/objects
and are deleted at the end. Ctrl-C ends everything.

END
wait "$osp_pid"

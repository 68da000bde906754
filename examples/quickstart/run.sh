#!/usr/bin/env bash
# `make run`: OSP in front of a small S3 server on this machine, until Ctrl-C.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
trap stop_all EXIT
trap 'echo; echo "stopping"; exit 0' INT TERM

"$root/.ci/install"
command -v aws >/dev/null && aws=aws || install_aws
build
start_backend 9000
start_osp "$root/examples/quickstart" 127.0.0.1:6190

cat <<END

OSP serves $osp_url. Clients use its key, the backend ($backend_url) another one that only OSP has.
In another terminal:

  cd $root
$(sed "s#^#  #; s#aws --#$aws --#" "$root/examples/quickstart/try.sh")
  # and refused, because the route denies it: AccessDenied
  $aws --endpoint-url $osp_url s3 cp README.md s3://data/private/readme.md

Edit examples/quickstart/*.yaml: the change is in force within a second. Objects are in $work/objects
and are deleted at the end. Ctrl-C ends everything.

END
wait "$osp_pid"

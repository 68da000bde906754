#!/usr/bin/env bash
# The SDK's tests, with the package installed as users install it, and those of the samples, against real servers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
../.ci/install redis-server postgresql openssl
OSP_OPA=$(../e2e/opa/build.sh)
export OSP_OPA
cache=${XDG_CACHE_HOME:-$HOME/.cache}/osp-e2e
venv=$cache/venv-python-hooks-$(cat requirements-test.txt samples/requirements.txt | sha256sum | cut -c1-16)
if [ ! -e "$venv/complete" ]; then
  echo "making the Python environment $venv"
  rm -rf "$venv"
  mkdir -p "$cache"
  # the Python that the gateway runs hooks on
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements-test.txt
  touch "$venv/complete"
fi
# a copy: building leaves folders in the source
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp -r pyproject.toml README.md src "$build"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation --force-reinstall --no-deps "$build"
"$venv/bin/python" -B -m pytest -q -p no:cacheprovider -o pythonpath=tests "$@"
"$venv/bin/python" -B -m mypy --strict --no-incremental --cache-dir /dev/null tests/typed_policy.py samples/{plain,opa,sql_grants}.py

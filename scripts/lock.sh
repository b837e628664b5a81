#!/bin/sh
# Write the two lock files: every package with its version and hashes, and no address of where it came from.
#
# requirements.lock      what PLUMBUS runs on: the image and `make run` install it alone
# requirements-dev.lock  what tests and checks need besides, to be installed together with the first
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv

compile() {
    $uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"
}

compile --upgrade --output-file requirements.lock
# A package of the first file is left out of the second, at the version that the first has.
set -- $(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock)
compile --upgrade --group dev --constraint requirements.lock "$@" --output-file requirements-dev.lock

if grep -nE '://|--(extra-)?index-url|--find-links' requirements.lock requirements-dev.lock; then
    echo 'A lock file holds an address (above): it would tie everyone to one package index.' >&2
    exit 1
fi

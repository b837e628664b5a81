#!/bin/sh
# Build the image plumbus:local with docker, podman or buildah, whichever works here.
#
# ENGINE=buildah chooses one. IMAGE=name:tag names the image. BUILD_OPTIONS="--pull-never …" goes to the build as it is.
set -eu
cd "$(dirname "$0")/.."
image=${IMAGE:-plumbus:local}
engine=${ENGINE:-$(scripts/engine.sh)}
version=$(sed -n "s/^version = '\(.*\)'/\1/p" pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
set -- --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --tag "$image" ${BUILD_OPTIONS:-} .

echo "image: $image with $engine"
case $engine in
docker) docker build "$@" ;;
# The format of Docker: that of OCI has no health check.
podman) podman build --format docker "$@" ;;
buildah) buildah bud --format docker "$@" ;;
*) echo "image: ENGINE=$engine is not known; use docker, podman or buildah." >&2 && exit 2 ;;
esac

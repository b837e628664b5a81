#!/bin/sh
# Print which of docker, podman and buildah works here.
for engine in docker podman buildah; do
    if "$engine" info >/dev/null 2>&1; then
        echo "$engine"
        exit
    fi
done
echo 'Building an image needs docker, podman or buildah, and none of them works here.' >&2
exit 1

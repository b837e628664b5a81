#!/bin/sh
# Check that every package of requirements.lock has a wheel for arm64 and each Python that PLUMBUS runs on: a Raspberry Pi
# shall compile nothing. PLATFORM=armv7l asks for another machine.
set -u
cd "$(dirname "$0")/.."
machine=${PLATFORM:-aarch64}
failed=0

for version in 3.11 3.12 3.13; do
    if output=$(.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "${TMPDIR:-/tmp}/plumbus-wheels-$$" \
        --only-binary=:all: --implementation cp --python-version "$version" \
        --platform "manylinux_2_28_$machine" --platform "manylinux_2_17_$machine" --platform "manylinux2014_$machine" --platform any \
        --requirement requirements.lock 2>&1); then
        echo "Python $version, $machine: every package has a wheel"
    else
        failed=1
        printf 'Python %s, %s: FAILED\n%s\n' "$version" "$machine" "$output" >&2
    fi
    rm -rf "${TMPDIR:-/tmp}/plumbus-wheels-$$"
done
exit $failed

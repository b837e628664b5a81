#!/bin/sh
# Everything that finds mistakes without running PLUMBUS. All of it runs, whatever fails first.
set -u
cd "$(dirname "$0")/.."
failed=0

check() {
    printf '%-14s' "$1"
    shift
    if output=$("$@" 2>&1); then
        echo ok
    else
        failed=1
        printf 'FAILED\n%s\n' "$output"
    fi
}

check lint .venv/bin/python -m ruff check .
check format .venv/bin/python -m ruff format --check .
check types .venv/bin/python -m mypy
check architecture .venv/bin/python -m pytest -q tests/unit/test_architecture.py
check docs .venv/bin/python -m sphinx -W --keep-going -q -b dirhtml docs docs/site
check bandit .venv/bin/python -m bandit --quiet --recursive --severity-level medium plumbus pages main.py
check image .venv/bin/hadolint Dockerfile

# Known holes of what PLUMBUS runs on; the list of them is asked for over the network.
printf '%-14s' audit
if ! output=$(timeout 90 .venv/bin/python -m pip_audit --require-hashes --disable-pip --progress-spinner off --timeout 10 -r requirements.lock 2>&1); then
    case $output in
        *'known vulnerabilit'*) failed=1; printf 'FAILED\n%s\n' "$output" ;;
        *) echo 'left out: the service that knows of holes cannot be reached' ;;
    esac
else
    case $output in
        *'could not be audited'*) echo 'left out: the service that knows of holes does not know these packages' ;;
        *) echo ok ;;
    esac
fi
exit $failed

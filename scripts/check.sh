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
check image .venv/bin/hadolint Dockerfile
exit $failed

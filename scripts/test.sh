#!/bin/sh
# Run the suite: test.sh [rest|e2e], both without an argument. What follows goes to pytest.
#
# Two calls of pytest, for Playwright keeps an event loop running in its thread, and tests that are coroutines cannot
# start theirs beside it. Most tests wait for a disk, a login or a process half of their time, so there are more of them
# than the two cores that CI has; a browser and its server keep one busy.
set -u
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
only=${1:-both}
[ $# = 0 ] || shift
failed=0

if [ "$only" != e2e ]; then
    .venv/bin/python -m pytest -q -n 3 --dist worksteal --ignore tests/e2e "$@" || failed=$?
fi
if [ "$only" != rest ]; then
    .venv/bin/python -m pytest -q -n 2 --dist worksteal tests/e2e "$@" || failed=$?
fi
exit $failed

"""Why some tests are skipped where they cannot run."""

import pytest

from tests.support.sshd import IS_ROOT

needs_root = pytest.mark.skipif(
    not IS_ROOT, reason='needs root: makes a throw-away user with a password and sudo'
)

"""Why some tests are skipped where they cannot run; as root, with Debian's packages, none is."""

import pytest

from tests.support.sshd import IS_ROOT, RRSYNC

needs_root = pytest.mark.skipif(
    not IS_ROOT,
    reason='needs root: makes throw-away users with a password and sudo, mounts disks, gives files away',
)
needs_rrsync = pytest.mark.skipif(
    RRSYNC is None, reason='needs rrsync: it comes with the rsync package of Debian 12 and newer'
)

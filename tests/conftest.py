"""What all tests share: a real sshd for the session."""

from collections.abc import Iterator

import pytest

from tests.support.sshd import Sshd


@pytest.fixture(scope='session')
def sshd() -> Iterator[Sshd]:
    """A sample client; give it a key with `sshd.authorize(keys.public_key)`."""
    with Sshd() as server:
        yield server

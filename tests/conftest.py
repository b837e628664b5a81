"""What all tests share: a real sshd for the session, PLUMBUS's keys, and a target that may log in."""

import gc
import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from fastapi.dependencies import models

from plumbus.transfer.keys import Keys
from plumbus.transfer.target import Target
from tests.support.sshd import IS_ROOT, Sshd

# A busy machine fails no test: what must be quick is measured by benchmarks.
hypothesis.settings.register_profile(
    'unhurried', deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile('unhurried')

# FastAPI remembers the last thousands of handlers, and with them the engine and the pages that each has at hand.
REMEMBERED = [kept for kept in vars(models).values() if hasattr(kept, 'cache_clear')]


def pytest_collection_finish() -> None:
    """What is loaded by now stays, so Python need not go through it whenever it looks for rubbish, and NiceGUI's simulation
    has it look twice a test."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Leave nothing of a test for the collector to go through in all later ones."""
    for kept in REMEMBERED:
        kept.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, where everything is installed and root runs the tests, one that is skipped has failed, unless it is optional."""
    report = yield
    needed = os.environ.get('CI') and IS_ROOT and not item.get_closest_marker('optional')
    if report.skipped and needed and not hasattr(report, 'wasxfail'):
        report.outcome = 'failed'
        report.longrepr = f'skipped in CI: {report.longrepr}'
    return report


@pytest.fixture(scope='session')
def sshd() -> Iterator[Sshd]:
    """A sample client; give it a key with `sshd.authorize(keys.public_key)`."""
    with Sshd() as server:
        yield server


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Keys of this test alone."""
    return Keys(tmp_path / 'keys')


@pytest.fixture
def stranger(sshd: Sshd, keys: Keys) -> Target:
    """A target whose host key is pinned, but PLUMBUS's key is not installed there."""
    keys.pin('client-1', sshd.host_key_line)
    return Target(alias='client-1', host=sshd.host, port=sshd.port, username=sshd.user)


@pytest.fixture
def target(sshd: Sshd, keys: Keys, stranger: Target) -> Target:
    """A target that may log in with PLUMBUS's key."""
    sshd.authorize(keys.public_key)
    return stranger


@pytest.fixture
def by_password(sshd: Sshd, stranger: Target) -> Target:
    """A target that logs in with its password. Needs root."""
    return replace(stranger, auth_method='password', password=sshd.password)

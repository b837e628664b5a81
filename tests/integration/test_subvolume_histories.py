"""Random histories once more, with snapshots that are subvolumes: each equals the client, and no older one ever changes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from plumbus.engine import Engine
from tests.integration.test_properties import LINKS, ONE_THIRD, Day, histories, history
from tests.support.btrfs import btrfs
from tests.support.edits import EDITS
from tests.support.engines import running_engine
from tests.support.marks import needs_root
from tests.support.near import Near, near_clients

pytestmark = needs_root
HISTORIES = int(os.environ.get('HISTORIES', '110'))
SOME = settings(ONE_THIRD, max_examples=max(1, HISTORIES // 8))


@pytest.fixture(scope='module')
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with btrfs(tmp_path_factory.mktemp('btrfs')) as place:
        yield place


@pytest.fixture(scope='module')
def near(disk: Path) -> Iterator[Near]:
    with near_clients(disk) as clients:
        yield clients


@pytest.fixture(scope='module')
def engine(disk: Path, near: Near) -> Iterator[Engine]:
    with running_engine(disk / 'data') as running:
        assert running.system.disk.subvolumes
        running.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
        yield running


@SOME
@given(days=histories(list(EDITS)))
def test_every_snapshot_equals_the_client_whatever_happened_to_the_files(
    engine: Engine, near: Near, disk: Path, days: list[Day]
) -> None:
    with history(engine, near, disk) as lived:
        lived.live(days)


@SOME
@given(days=histories(LINKS, removing=True))
def test_what_comes_free_with_a_snapshot_is_what_only_it_holds(
    engine: Engine, near: Near, disk: Path, days: list[Day]
) -> None:
    with history(engine, near, disk) as lived:
        lived.live(days)

"""What the integration tests share: a running engine, and a folder of the sample client."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbus.engine import Engine
from tests.support.engines import running_engine
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give, make_zoo


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with all its threads and a data dir of its own."""
    with running_engine(tmp_path / 'data') as running:
        yield running


@pytest.fixture
def source(sshd: Sshd) -> Iterator[Path]:
    """An empty folder of the sample client, owned by its login."""
    folder = sshd.folder / f'source-{os.getpid()}'
    folder.mkdir()
    os.chown(folder, *sshd.ids)
    yield folder
    subprocess.run(['chmod', '-R', 'u+rwX', folder], check=False)
    shutil.rmtree(folder)


@pytest.fixture
def zoo(source: Path, sshd: Sshd) -> Path:
    """A folder with a file of every kind that the client's login may read."""
    make_zoo(source, root=False, unreadable=False)
    if IS_ROOT:
        give(source, *sshd.ids)
    return source

"""What the tests of faults share: an engine, a folder of the client, silence that is noticed after seconds."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.backup import execution, rsync_runs, runner
from plumbus.engine import Engine
from plumbus.transfer import remote, ssh
from tests.support.engines import running_engine
from tests.support.sshd import Sshd
from tests.support.zoo import give

BIG = 6 * 2**20


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with all its threads and a data dir of its own."""
    with running_engine(tmp_path / 'data') as running:
        yield running


@pytest.fixture
def source(sshd: Sshd) -> Iterator[Path]:
    """Some small files, then a big one that nearly all bytes belong to."""
    folder = sshd.folder / f'source-{os.getpid()}-{time.monotonic_ns()}'
    folder.mkdir()
    for number in range(30):
        (folder / f'a{number:02}').write_text(f'small {number}')
    (folder / 'z-big').write_bytes(os.urandom(BIG))
    give(folder, *sshd.ids)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def short_waits(seconds: int) -> Iterator[None]:
    """While in this block rsync and ssh notice silence after so many seconds, and PLUMBUS a second later."""
    with pytest.MonkeyPatch.context() as patch:
        made = runner.job_options
        patch.setattr(runner, 'job_options', lambda *given: replace(made(*given), timeout_s=seconds))
        for module in (execution, rsync_runs):
            patch.setattr(module, 'IDLE_TIMEOUT_S', seconds + 1.0)
        block = ssh.COMMON_BLOCK.replace('ConnectTimeout 15', f'ConnectTimeout {seconds}')
        assert block != ssh.COMMON_BLOCK
        patch.setattr(ssh, 'COMMON_BLOCK', block)
        patch.setattr(remote, 'LONGEST_S', seconds)
        yield

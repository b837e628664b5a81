"""One server a data folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plumbus.errors import StoreError
from plumbus.store.claim import Claim
from plumbus.store.database import Database

HOLD = 'import sys; from pathlib import Path; from plumbus.store.claim import Claim; '
HOLD += 'Claim(Path(sys.argv[1])).take(); print("taken", flush=True); sys.stdin.read()'


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return Claim(tmp_path / 'data')


def test_it_makes_the_folder_and_says_who_has_it(claim: Claim, tmp_path: Path) -> None:
    claim.take()
    claim.take()
    lock = tmp_path / 'data' / '.lock'
    assert lock.read_text() == f'{os.getpid()}\n'
    assert lock.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match=rf'Another PLUMBUS \(process {os.getpid()}\)'):
        Claim(tmp_path / 'data').take()


def test_it_is_free_once_given_up(claim: Claim, tmp_path: Path) -> None:
    claim.take()
    claim.give_up()
    claim.give_up()
    other = Claim(tmp_path / 'data')
    other.take()
    with pytest.raises(StoreError):
        claim.take()
    other.give_up()
    claim.take()


def test_it_is_free_once_its_holder_is_killed(claim: Claim, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path / 'data')], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b'taken\n'
        with pytest.raises(StoreError, match=f'process {holder.pid}') as caught:
            claim.take()
        assert '--data-dir' in caught.value.remedy
        holder.kill()
    claim.take()


def test_it_keeps_nobody_from_the_store(claim: Claim, tmp_path: Path) -> None:
    claim.take()
    database = Database(tmp_path / 'data' / 'db')
    database.check_readable()
    database.check_writable()


def test_a_folder_that_cannot_be_made_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(StoreError, match='data folder'):
        Claim(tmp_path / 'file').take()

"""Downloads of real backups: unpacked they are what was on the client; a reader that leaves ends the work."""

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from plumbus.backup.archives import Format
from plumbus.engine import Engine
from tests.support.engines import back_up, copy_of, job_for, until
from tests.support.marks import needs_root
from tests.support.served import TOKEN, Served
from tests.support.sshd import Sshd

COMPARE = ['rsync', '-rlptgoDHnc', '--itemize-changes', '--delete']


def unpacked(engine: Engine, backup_id: int, path: Path, form: Format, folder: Path) -> Path:
    """Download a folder, unpack it with tar as anybody would, and return it."""
    folder.mkdir()
    packed = folder / 'packed'
    packed.write_bytes(b''.join(engine.backups.download(backup_id, [str(path)], form).chunks))
    subprocess.run(
        ['tar', '-xpf', packed, '-C', folder, '--numeric-owner'], check=True, timeout=60, capture_output=True
    )
    return folder / path.name


@needs_root
def test_a_zoo_comes_back_out_of_an_archive(engine: Engine, sshd: Sshd, zoo: Path, tmp_path: Path) -> None:
    job = job_for(engine, sshd, zoo)
    back_up(engine, job.id)
    backup = back_up(engine, job.id)  # here all files have further names, in the first snapshot
    (zoo / 'special' / 'socket').unlink()  # no archive holds one
    got = unpacked(engine, backup.id, zoo, 'tar.gz', tmp_path / 'out')
    (zoo / 'special').touch()
    os.utime(got / 'special', ns=((zoo / 'special').stat().st_mtime_ns,) * 2)
    done = subprocess.run([*COMPARE, f'{zoo}/', f'{got}/'], capture_output=True, timeout=120, check=False)
    told = (done.stdout + done.stderr).splitlines()
    assert [
        line for line in told if not line.startswith(b'hL ')
    ] == []  # names of one symbolic link become two
    assert (got / 'hard' / 'leader').stat().st_nlink == 4


def test_a_zoo_fits_into_a_zip(engine: Engine, sshd: Sshd, zoo: Path, tmp_path: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, zoo).id)
    packed = b''.join(engine.backups.download(backup.id, [str(zoo)], 'zip').chunks)
    with zipfile.ZipFile(io.BytesIO(packed)) as made:
        assert made.testzip() is None
        inside = [info for info in made.infolist() if not info.is_dir()]
    found = [
        entry for entry in copy_of(engine, backup, zoo).rglob('*') if entry.is_symlink() or entry.is_file()
    ]
    assert len(inside) == len(found)
    assert sum(info.file_size for info in inside) == sum(entry.lstat().st_size for entry in found)


class TestServed:
    """Over the wire, in a process of its own."""

    @pytest.fixture
    def backed_up(self, tmp_path: Path, sshd: Sshd, source: Path) -> Iterator[tuple[Served, str]]:
        with (source / 'big').open('wb') as file:
            file.truncate(300 * 2**20)
        (source / 'random').write_bytes(os.urandom(8 * 2**20))
        with Served(tmp_path) as served:
            api = served.api
            sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
            client = {'name': 'Sample', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
            client_id = api.post('/api/clients', json=client).json()['client_id']
            api.post(f'/api/clients/{client_id}/test')
            job = {'client_id': client_id, 'name': 'Home', 'source_path': str(source)}
            job_id = api.post('/api/jobs', json=job).json()['job_id']
            backup = api.post(f'/api/jobs/{job_id}/run?wait=60', timeout=90).json()
            assert backup['status'] == 'completed', backup
            yield served, f'/api/backups/{backup["backup_id"]}/download'

    def test_it_streams_in_little_memory_and_stops_with_its_reader(
        self, backed_up: tuple[Served, str], source: Path
    ) -> None:
        served, address = backed_up
        url, headers = served.url + address, {'Authorization': f'Bearer {TOKEN}'}
        params = {'path': str(source), 'format': 'tar'}
        before, open_before = served.memory(), descriptors(served)
        most = received = 0
        with httpx.stream('GET', url, params=params, headers=headers, timeout=60, trust_env=False) as answer:
            assert 'content-length' not in answer.headers
            for number, chunk in enumerate(answer.iter_raw()):
                received += len(chunk)
                if number % 100 == 0:
                    most = max(most, served.memory())
        assert received > 308 * 2**20
        assert most - before < 30 * 2**20

        with httpx.stream('GET', url, params=params, headers=headers, timeout=60, trust_env=False) as answer:
            next(answer.iter_raw())
        until(lambda: descriptors(served) <= open_before, 'Closing what a reader left')


def descriptors(served: Served) -> int:
    """How many files the server has open below its data folder."""
    folder = Path(f'/proc/{served.process.pid}/fd')
    found = [os.readlink(one) for one in folder.iterdir() if one.is_symlink()]
    return sum('/backups/' in one for one in found)

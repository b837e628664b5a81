"""PLUMBUS as its users run it: a server of its own, told what to do through its REST API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx

from benchmarks.contenders.base import Contender, remove
from benchmarks.measuring import Stopwatch, cpu_of_tree
from benchmarks.place import LIMIT_S
from plumbus.backup.snapshots import DOOMED
from tests.support.served import Served

WAIT = {'wait': int(LIMIT_S)}
POLL_S = 0.01
DEPTHS = ('', '*/', '*/*/')
QUIET_S, QUIET_CPU_S = 0.2, 0.03
KEPT = 50  # snapshots; so many that retention is decided after each run, and nothing goes unasked


class Plumbus(Contender):
    """From the API call to the finished record: manifest, sync and retention are part of a run."""

    name: ClassVar[str] = 'PLUMBUS'
    program: ClassVar[str] = 'rsync'

    _served: Served
    _api: httpx.Client
    _client = _job = 0
    _newest = 0

    def version(self) -> str:
        """As the server tells it."""
        return str(self._api.get('/api/version').json()['version'])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the server, with its data in the store."""
        remove(self.folder)
        self.folder.mkdir()
        with Served(self.folder) as self._served, self._served.api as self._api:
            self._api.timeout = httpx.Timeout(LIMIT_S)
            sshd = self.place.sshd
            sshd.authorize(self._api.get('/api/system/public-key').json()['public_key'])
            login = {'name': 'client', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
            self._client = self._post('/api/clients', {**login, 'auth_method': 'key'})['client_id']
            self._post(f'/api/clients/{self._client}/test')
            yield

    def prepare(self, source: Path) -> None:
        """Another job takes the place of the one before."""
        self.sources = [source]
        self._forget()
        job = {'client_id': self._client, 'name': source.name, 'source_paths': [str(source)]}
        self._job = self._post('/api/jobs', {**job, 'retention': {'keep_last': KEPT}})['job_id']

    def finish(self) -> None:
        """Delete the job with all its snapshots; the server goes on."""
        self._forget()

    def backup(self) -> None:
        """Run the job and wait for the finished record."""
        ended = self._post(f'/api/jobs/{self._job}/run', params=WAIT)
        if ended['status'] != 'completed':
            raise RuntimeError(
                f'PLUMBUS: {ended["status"]}: {ended["error_message"]} {ended["warnings"][:3]}'
            )
        self._newest = ended['id']

    def restore(self, target: Path) -> None:
        """The whole snapshot, below a folder of the client."""
        self._restored({'restore_path': str(target)})

    def restore_file(self, path: str, target: Path) -> None:
        """One path of it."""
        self._restored({'restore_path': str(target), 'paths': [str(self.source / path)]})

    def list_folder(self, path: str) -> int:
        """As a page of a browser asks for it."""
        asked = {'path': str(self.source / path)}
        return int(self._api.get(f'/api/backups/{self._newest}/files', params=asked).json()['total_files'])

    def delete_oldest(self) -> None:
        """Wait until the files are gone too, which happens in the background."""
        oldest = self._history()[-1]['id']
        self._api.delete(f'/api/backups/{oldest}').raise_for_status()
        self._swept()

    def manifest_bytes(self) -> int:
        """The lists of all snapshots of the job."""
        folders = [self._served.data / backup['backup_path'] for backup in self._history()]
        found = [file.stat() for folder in folders for file in folder.glob('manifest*')]
        return sum({one.st_ino: one.st_size for one in found}.values())  # snapshots share them

    def rest(self) -> None:
        """Wait until the snapshot is in the search index, so that this is not another's time."""
        deadline, before = time.monotonic() + LIMIT_S, -QUIET_CPU_S
        while (used := cpu_of_tree(self._served.process.pid)) - before >= QUIET_CPU_S:
            if time.monotonic() > deadline:
                raise RuntimeError('PLUMBUS does not come to rest.')
            before = used
            time.sleep(QUIET_S)
        super().rest()

    def stopwatch(self) -> Stopwatch:
        """The server and what it starts, here and on the client."""
        server = self._served.process.pid
        return Stopwatch(self.place.account, [self.place.sshd_pid, server], own=server)

    def _history(self) -> list[dict[str, Any]]:
        found = self._api.get(f'/api/jobs/{self._job}/history').raise_for_status().json()
        return [backup for backup in found if backup['backup_path']]

    def _restored(self, fields: dict[str, Any]) -> None:
        ended = self._post(f'/api/backups/{self._newest}/restore', fields, params=WAIT)
        if ended['status'] != 'completed':
            raise RuntimeError(f'PLUMBUS: restore {ended["status"]}: {ended["error_message"]}')

    def _forget(self) -> None:
        if self._job:
            self._api.delete(f'/api/jobs/{self._job}', params={'delete_data': True}).raise_for_status()
            self._job = 0
            self._swept()

    def _swept(self) -> None:
        """Wait until everything that was taken away is removed."""
        root, deadline = self._served.data / 'backups', time.monotonic() + LIMIT_S
        while any(path for depth in DEPTHS for path in root.glob(f'{depth}{DOOMED}*')):
            if time.monotonic() > deadline:
                raise RuntimeError('PLUMBUS does not remove what was taken away.')
            time.sleep(POLL_S)

    def _post(self, path: str, fields: dict[str, Any] | None = None, params: dict[str, int] | None = None) -> dict[str, Any]:  # fmt: skip
        answer = self._api.post(path, json=fields or {}, params=params)
        if answer.is_error:
            raise RuntimeError(f'PLUMBUS: {path}: {answer.text[:500]}')
        return dict(answer.json())

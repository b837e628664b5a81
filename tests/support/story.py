"""Fills PLUMBUS through its API with what the pages are looked at: clients, jobs, good, bad and running backups, a restore."""

import os
import socket
from pathlib import Path
from typing import Any

import httpx

from tests.support.sshd import Sshd

MACHINES = {
    'raspberrypi-zero': ('home', '0 2 * * *'),
    'nas-mirror': ('photos', '30 3 * * 1,4'),
    'web-01': ('/var/www', '0 * * * *'),
    'a machine with a name that is far too long for any table, صفحة من اليمين إلى اليسار': (
        'everything',
        None,
    ),
}
SLOW_KIB = 40
WAIT_S = 60


class Story:
    """Told once; afterwards `pages` are the addresses of all pages with something on them."""

    def __init__(self, api: httpx.Client, sshd: Sshd) -> None:
        self._api, self.sshd, self.url = api, sshd, str(api.base_url).rstrip('/')
        self._folder = sshd.folder / 'machine'
        self.jobs: list[int] = []
        self.backups: list[int] = []
        self.slow_backup = self.restore = self.target = 0

    def tell(self) -> list[str]:
        """Make everything and return the addresses of the pages."""
        self.sshd.authorize(self._post('system/public-key', get=True)['public_key'])
        self._lay_out()
        for name, (job, schedule) in MACHINES.items():
            client = self._client(name)
            folder = self._folder / name.split()[0]
            self.jobs.append(self._job(client, job, folder, schedule))
            self.backups.append(self._run(self.jobs[-1]))
        self._change()
        self.backups.append(self._run(self.jobs[0]))
        self._failing()
        self._restored()
        self.target = self._post('notifications', name='mail', url='json://127.0.0.1:9/plumbus')['id']
        self.slow_backup = self._slow()
        return self.pages

    @property
    def pages(self) -> list[str]:
        """Every page, with something on it."""
        job, first, second = self.jobs[0], self.backups[0], self.backups[-1]
        folder = self._folder / 'raspberrypi-zero'
        there = f'/browse?client=1&job={job}&snapshot={second}&path={folder}'
        return [
            '/', '/clients', '/clients/new', '/clients/1', '/clients/1/edit', '/jobs', '/jobs/new', f'/jobs/{job}', f'/jobs/{job}/edit',
            '/backups', f'/backups/{first}', f'/backups/{self.failed_backup}', f'/backups/{self.slow_backup}', '/browse', there,
            f'{there}&file={folder}/plan.txt', f'{there}&against={first}', f'{there}&q=plan&in=everything', '/restores',
            f'/restores/{self.restore}', '/settings', '/account', '/users', '/tokens', '/audit', '/settings/notifications',
            '/settings/notifications/new', f'/settings/notifications/{self.target}', '/nowhere',
        ]  # fmt: skip

    def _lay_out(self) -> None:
        for name in MACHINES:
            folder = self._folder / name.split()[0]
            (folder / 'garden').mkdir(parents=True)
            (folder / 'plan.txt').write_text('Monday: beans\nTuesday: peas\n')
            (folder / 'notes with a rather long name, of which one sees only a part.md').write_text('x' * 500)
            (folder / '<b>bold {{1+1}}.txt').write_text('literal\n')
            (folder / 'garden' / 'photo.raw').write_bytes(os.urandom(300_000))
        self._give()

    def _change(self) -> None:
        folder = self._folder / 'raspberrypi-zero'
        (folder / 'plan.txt').write_text('Monday: carrots\nTuesday: peas\nWednesday: rest\n')
        (folder / 'new seeds.txt').write_text('sunflower\n')
        (folder / '<b>bold {{1+1}}.txt').unlink()
        self._give()

    def _give(self) -> None:
        for path in [self._folder, *self._folder.rglob('*')]:
            os.chown(path, *self.sshd.ids)

    def _client(self, name: str, **more: Any) -> int:
        where = {'host': self.sshd.host, 'port': self.sshd.port, 'username': self.sshd.user}
        return int(self._post('clients', **{'name': name, **where, **more})['id'])

    def _job(self, client: int, name: str, folder: Path, schedule: str | None = None, **more: Any) -> int:
        keep = {'keep_last': 10, 'keep_daily': 7, 'keep_weekly': 4}
        fields = {'client_id': client, 'name': name, 'source_paths': [str(folder)], 'schedule': schedule}
        return int(self._post('jobs', **fields, retention=keep, **more)['id'])

    def _run(self, job: int, wait_s: int = WAIT_S) -> int:
        told = self._post(f'jobs/{job}/run?wait={wait_s}')
        return int(told['id' if wait_s else 'backup_id'])

    def _failing(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as closed:
            port = closed.getsockname()[1]
        client = self._client('garden-pi', port=port)
        job = self._job(client, 'nightly dump', self._folder / 'web-01', '15 4 * * *', retries=0)
        self.failed_backup = self._run(job)

    def _restored(self) -> None:
        self.restore = int(
            self._post(
                f'backups/{self.backups[0]}/restore?wait={WAIT_S}', restore_path=f'{self._folder}/back'
            )['id']
        )

    def _slow(self) -> int:
        (self._folder / 'slow').mkdir()
        (self._folder / 'slow' / 'holiday.raw').write_bytes(os.urandom(40_000_000))
        self._give()
        return self.begin_slow(2, 'a slow one')

    def begin_slow(self, client: int, name: str) -> int:
        """Run a job of a client that takes a quarter of an hour; return its backup."""
        job = self._job(client, name, self._folder / 'slow', bandwidth_limit_kib=SLOW_KIB)
        return self._run(job, wait_s=0)

    def _post(self, path: str, *, get: bool = False, **fields: Any) -> dict[str, Any]:
        limit = httpx.Timeout(WAIT_S * 2)
        answer = (
            self._api.get(f'/api/{path}')
            if get
            else self._api.post(f'/api/{path}', json=fields, timeout=limit)
        )
        assert answer.is_success, f'{path}: {answer.text}'
        told: dict[str, Any] = answer.json()
        return told

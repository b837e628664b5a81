"""`make demo`: a sample client is added, browsed, backed up twice and restored from, and every step is checked.

Everything is real: an sshd on loopback, rsync, PLUMBUS as a child process, driven over its REST API alone. Afterwards
the web UI stays up until Ctrl+C; with DEMO_EXIT=1 it ends after the table, with exit code 0 only if all was right.
"""

import base64
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.demo_server import (
    ROOT,
    Mismatch,
    Server,
    compared,
    fingerprint,
    own_folder,
    regular_files,
)
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give, make_many, make_zoo

MANY = 2000
EDITED = 'garden/plan.txt'
LOCKED = 'garden/gate.txt'
DELETED = 'many/000/00/file-7.txt'
ADDED = 'garden/new seeds.txt'


class Demo:
    """The story: each method is one step, raises Mismatch if something is not as it must be, and returns its detail."""

    def __init__(self, sshd: Sshd, server: Server) -> None:
        self.sshd = sshd
        self.server = server
        self.machine = sshd.folder / 'machine'
        self.source = self.machine / 'home'
        self.client: dict[str, Any] = {}
        self.job: dict[str, Any] = {}
        self.backups: list[dict[str, Any]] = []
        self.first_snapshot = ''

    def prepare(self) -> str:
        make_zoo(self.source / 'zoo', root=False, unreadable=False)
        make_many(self.source / 'many', MANY)
        (self.source / 'garden').mkdir()
        (self.source / EDITED).write_text('Monday: beans\n' * 20_000)
        (self.source / LOCKED).write_text('closed at night\n')
        (self.machine / 'restored').mkdir()
        if IS_ROOT:
            give(self.machine, *self.sshd.ids)
        return f'{len(regular_files(self.source))} files of every kind; login {self.sshd.user}, no root'

    def start(self) -> str:
        seconds = self.server.start()
        must(self.server.status_without_token('/api/clients') == 401, 'The API answers without a token.')
        return f'healthy after {seconds:.1f} s; without a token: 401'

    def add_client(self) -> str:
        key = self.server.call('GET', '/api/system/public-key')['public_key']
        self.sshd.authorize(key)
        fields = {
            'name': 'Sample client',
            'host': self.sshd.host,
            'port': self.sshd.port,
            'username': self.sshd.user,
        }
        self.client = self.server.call('POST', '/api/clients', json={**fields, 'auth_method': 'key'})
        must(self.client['id'] == self.client['client_id'], 'client_id is not the id.')
        return f'{self.sshd.user}@{self.sshd.host}:{self.sshd.port}, with the key that PLUMBUS made'

    def check_client(self) -> str:
        path = f'/api/clients/{self.client["id"]}/test'
        first, second = self.server.call('POST', path), self.server.call('POST', path)
        must(first['success'] and second['success'], first.get('error') or second.get('error'))
        expected = fingerprint_of(self.sshd.host_key_lines)
        must(first['host_key']['fingerprint'] in expected, 'That is not the fingerprint of its host key.')
        statuses = (first['host_key']['status'], second['host_key']['status'])
        must(statuses == ('new', 'trusted'), f'The host key was {statuses}.')
        return f'rsync {first["rsync_version"]}, {first["latency_ms"]:.0f} ms; host key pinned, then trusted'

    def browse(self) -> str:
        answer = self.server.call(
            'POST', f'/api/clients/{self.client["id"]}/browse', json={'path': str(self.source)}
        )
        seen = {file['name']: file['is_dir'] for file in answer['files']}
        there = {path.name: path.is_dir() for path in self.source.iterdir()}
        must(seen == there, f'It lists {seen} where there is {there}.')
        return ', '.join(f'{name}/' if folder else name for name, folder in seen.items())

    def add_job(self) -> str:
        fields = {'client_id': self.client['id'], 'name': 'Home', 'source_path': str(self.source)}
        keep = {'keep_last': 3, 'keep_daily': 7, 'keep_weekly': 4}
        self.job = self.server.call(
            'POST', '/api/jobs', json={**fields, 'schedule': '0 2 * * *', 'retention': keep}
        )
        must(self.job['next_run'], 'A job with a schedule has no next run.')
        return f'{self.job["schedule_text"]}, next {self.job["next_run"]}'

    def first_run(self) -> str:
        backup = self.run_job()
        files = len(regular_files(self.source))
        must(backup['new_files'] >= files, f'{backup["new_files"]} new files of {files}.')
        self.first_snapshot = fingerprint(self.tree(0))
        return f'{backup["file_count"]} files, {size(backup["transferred_bytes"])} fetched in {backup["duration_s"]:.1f} s'

    def compare_first(self) -> str:
        return self.compare(0)

    def change(self) -> str:
        with (self.source / EDITED).open('a') as file:
            file.write('Tuesday: peas\n')
        (self.source / LOCKED).chmod(0o400)
        (self.source / ADDED).write_text('pumpkins\n')
        (self.source / DELETED).unlink()
        if IS_ROOT:
            os.chown(self.source / ADDED, *self.sshd.ids)
        return 'one edited, one with another mode, one new, one deleted'

    def second_run(self) -> str:
        backup = self.run_job()
        counts = tuple(backup[name] for name in ('new_files', 'changed_files', 'deleted_files'))
        must(counts == (1, 2, 1), f'new, changed, deleted are {counts} instead of (1, 2, 1).')
        touched = sum((self.source / name).stat().st_size for name in (EDITED, LOCKED, ADDED))
        fetched = backup['transferred_bytes']
        must(0 < fetched <= touched, f'{fetched} bytes were fetched where {touched} bytes were touched.')
        return f'{size(fetched)} of {size(backup["size_bytes"])} fetched in {backup["duration_s"]:.1f} s'

    def shared(self) -> str:
        before, after = regular_files(self.tree(0)), regular_files(self.tree(1))
        own = {
            name
            for name, status in after.items()
            if name not in before or status.st_ino != before[name].st_ino
        }
        must(own == {EDITED, LOCKED, ADDED}, f'Stored anew: {sorted(own)[:5]}')
        must(before.keys() - after.keys() == {DELETED}, 'The deleted file is still in the second snapshot.')
        return f'{len(after) - len(own)} of {len(after)} files lie on the disk once for both snapshots'

    def untouched(self) -> str:
        must(
            fingerprint(self.tree(0)) == self.first_snapshot, 'The second run has changed the first snapshot.'
        )
        return 'same bytes, modes, owners, times and inodes as before'

    def compare_second(self) -> str:
        return self.compare(1)

    def restore(self) -> str:
        target = self.machine / 'restored'
        wanted = {'paths': [str(self.source / EDITED)], 'restore_path': str(target)}
        path = f'/api/backups/{self.backups[0]["id"]}/restore?wait=120'
        restore = self.server.call('POST', path, json=wanted)
        must(restore['status'] == 'completed', restore.get('error_message') or restore['status'])
        original, copy = self.tree(0) / EDITED, target / Path(EDITED).name
        must(copy.read_bytes() == original.read_bytes(), 'The restored file has other bytes.')
        must(copy.stat().st_mtime_ns == original.stat().st_mtime_ns, 'The restored file has another time.')
        must(copy.read_bytes() != (self.source / EDITED).read_bytes(), 'That is the edited version.')
        return f'the version before the edit, at {copy.name} in another folder: bytes and time are the same'

    def log_in(self) -> str:
        status, page = self.server.log_in(self.server.password)
        must((status, page) == (200, '/'), f'The password leads to {page} with status {status}.')
        status, page = self.server.log_in('not ' + self.server.password)
        must(page == '/login', f'A wrong password leads to {page} with status {status}.')
        return 'the password opens the dashboard, a wrong one does not'

    def secrets(self) -> str:
        hidden = [self.server.password.encode(), self.server.token.encode()]
        files = [path for path in self.server.data.rglob('*') if path.is_file() and 'tree' not in path.parts]
        leaks = [
            path.name for path in (*files, self.server.log) if any(s in path.read_bytes() for s in hidden)
        ]
        must(not leaks, f'The password or the token stands in {leaks}.')
        return f'neither password nor token in any of {len(files) + 1} records and logs'

    def run_job(self) -> dict[str, Any]:
        backup: dict[str, Any] = self.server.call('POST', f'/api/jobs/{self.job["id"]}/run?wait=120')
        must(
            backup['status'] == 'completed',
            f'{backup["status"]}: {backup.get("error_message")} {backup.get("warnings")}',
        )
        self.backups.append(backup)
        return backup

    def tree(self, number: int) -> Path:
        return self.server.data / self.backups[number]['backup_path'] / 'tree' / self.source.relative_to('/')

    def compare(self, number: int) -> str:
        differences = compared(self.source, self.tree(number))
        must(not differences, f'{len(differences)} differences: {differences[:3]}')
        return 'rsync -aHAXnc --delete --itemize-changes prints nothing'


def must(right: object, otherwise: str | None) -> None:
    """Raise Mismatch with the second unless the first is true."""
    if not right:
        raise Mismatch(otherwise or 'It did not say why.')


def fingerprint_of(host_key_lines: list[str]) -> list[str]:
    """Given host keys as in known_hosts, return their fingerprints as ssh-keygen -l shows them."""
    keys = [base64.b64decode(line.split()[1]) for line in host_key_lines]
    return ['SHA256:' + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=') for key in keys]


def size(count: int) -> str:
    """Return bytes for people."""
    return (
        f'{count} B'
        if count < 1000
        else f'{count / 1000:.1f} kB'
        if count < 1_000_000
        else f'{count / 1e6:.1f} MB'
    )


def steps(demo: Demo) -> list[tuple[str, Callable[[], str]]]:
    """Return the title and the act of every step, in order."""
    return [
        ('Prepare a sample client', demo.prepare),
        ('Start PLUMBUS', demo.start),
        ('Add the client', demo.add_client),
        ('Test the connection', demo.check_client),
        ('Browse the client', demo.browse),
        ('Create a job', demo.add_job),
        ('First backup', demo.first_run),
        ('Source = first snapshot', demo.compare_first),
        ('Change the source', demo.change),
        ('Second backup: only changes', demo.second_run),
        ('Unchanged files are shared', demo.shared),
        ('First snapshot untouched', demo.untouched),
        ('Source = second snapshot', demo.compare_second),
        ('Restore one file elsewhere', demo.restore),
        ('Log in to the web UI', demo.log_in),
        ('Secrets stay secret', demo.secrets),
    ]


def play(demo: Demo, story: list[tuple[str, Callable[[], str]]]) -> bool:
    """Run the steps, printing a line each, and return whether all was right. What follows a failure is left out."""
    print(f'{"Step":<28}  {"Result":<6}  Detail')
    print(f'{"-" * 28}  {"-" * 6}  {"-" * 60}')
    for title, act in story:
        try:
            detail, right = act(), True
        except Exception as error:  # noqa: BLE001 whatever happens is the result of this step
            detail, right = str(error) if isinstance(error, Mismatch) else repr(error), False
        print(f'{title:<28}  {"ok" if right else "FAILED":<6}  {detail}', flush=True)
        if not right:
            print(f'\nWhat PLUMBUS said: {demo.server.log.relative_to(ROOT)}')
            return False
    return True


def stay(server: Server) -> None:
    """Say where the web UI is and return when the user or the server has had enough."""
    if server.port != 5000:
        print(f'Port 5000 is taken by another program, so the web UI is on port {server.port}.')
    print(
        f'\nWeb UI:      http://localhost:{server.port}\nLog in as:   admin\nPassword:    {server.password}'
    )
    print(f'API token:   {server.token}\nData folder: {server.data.relative_to(ROOT)}')
    print(
        '\nThe sample client stays reachable: run its job, browse, restore. Ctrl+C ends it all.', flush=True
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.wait()
    print('\nThe demo has ended. Its data stays until the next one.')


def main() -> int:
    """Return 0 if everything matched."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with own_folder(), Sshd() as sshd, Server() as server:
            demo = Demo(sshd, server)
            right = play(demo, steps(demo))
            print('\nEverything matched.' if right else '\nSomething did not match.', flush=True)
            if right and os.environ.get('DEMO_EXIT', '') in {'', '0'}:
                stay(server)
    except KeyboardInterrupt:
        print('\nStopped before the end.')
        return 130
    except (Mismatch, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if right else 1


if __name__ == '__main__':
    sys.exit(main())

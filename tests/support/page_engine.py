"""A small engine of sample data, so that pages can be looked at and tested without rsync, ssh or a disk."""

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from plumbus.backup.days import Days
from plumbus.backup.retention import Candidate, decide
from plumbus.errors import ClientError, Conflict, InvalidInput, NotFound
from plumbus.events import Changed, EventBus, Logged, Progressed
from plumbus.model import (
    Actor,
    Backup,
    Client,
    ClientFields,
    ConnectionTest,
    HostKey,
    JobFields,
    JobView,
    Page,
    Progress,
    RemoteFile,
    Retention,
    Scope,
    Status,
    Trigger,
    Verification,
    checked,
)  # fmt: skip
from plumbus.scheduling import timing
from plumbus.services.retaining import Pruning
from plumbus.services.search import FoundFile, SearchResult
from plumbus.services.system import Lately
from tests.support import page_data
from tests.support.page_notifications import Notifications

FINGERPRINT = 'SHA256:' + 'Zk3x9QdJ0vLr7bNf2TgWq8YcUu5MhE1sPoKa6iRXy4D'
FOLDERS = {
    '/': ['boot', 'etc', 'home', 'root', 'srv', 'var', 'swapfile'],
    '/home': ['ada', 'pi'],
    '/home/pi': ['.cache', '.homeassistant', 'media', page_data.HOSTILE, 'notes.txt'],
    '/etc': ['nginx', 'fstab', 'hostname'],
    '/var': ['lib', 'log', 'www'],
}
NOT_STORED = {'password', 'private_key', 'forget_secrets'}
FILES = {'swapfile', 'notes.txt', 'fstab', 'hostname'}


class PageEngine:
    """Stands in for the engine: the same doors, sample data behind them."""

    def __init__(self, *, empty: bool = False, tidy: bool = False) -> None:
        now = page_data.now()
        self.events = EventBus()
        self.settings = SimpleNamespace(
            zone=ZoneInfo('Europe/Berlin'),
            timezone='Europe/Berlin',
            data_dir='/srv/plumbus',
            max_parallel=3,
            client_parallel=2,
            quiet_hours=None,
            retry_window_minutes=240,
            overdue_grace_minutes=60,
            disk_reserve_percent=2.0,
            verify_share=5.0,
            verify_hour=4,
        )
        self.client_list = [] if empty else page_data.clients(now)[: -2 if tidy else None]
        self.job_list = page_data.jobs(self.client_list, now)
        self.backup_list = page_data.history(self.job_list, now) if self.job_list else []
        self.clients, self.jobs, self.backups = Clients(self), Jobs(self), Backups(self)
        self.accounts, self.system = Accounts(), System(self)
        self.secrets = SimpleNamespace(lost=list)
        self.verifications, self.retention = Verifications(self), Retaining(self)
        self.restores = SimpleNamespace(page=lambda **_: Page(items=[], total=0))
        self.notifications = Notifications(self.events, empty=empty)
        self.search = Search(self)
        if not empty:
            self.backup_list += [
                page_data.running(self.job_list[2], 501, now, 64),
                page_data.running(self.job_list[6], 502, now, 12),
            ]

    def tell(self, noun: Any, number: int, action: Any = 'updated') -> None:
        """Publish that something changed."""
        self.events.publish(Changed(noun=noun, id=number, action=action))

    def move(self, backup: Backup, percent: float) -> None:
        """Publish progress and a line of log of one running backup."""
        assert backup.progress is not None
        total = backup.progress.bytes_total or 0
        step = {
            'rate_bps': 30e6 + (backup.id * 7 + percent * 13) % 17 * 1e6,
            'percent': percent,
            'bytes': int(total * percent / 100),
            'eta_s': (100 - percent) * 0.73,
        }
        backup.progress = Progress(**{**backup.progress.model_dump(), **step})
        self.events.publish(Progressed(kind='backup', run_id=backup.id, progress=backup.progress))
        self.events.publish(
            Logged(
                kind='backup',
                run_id=backup.id,
                lines=(f'00:{percent:05.2f}  >f+++++++++ home/pi/media/{percent:.2f}.heic',),
            )
        )

    def finish(self, backup: Backup, status: Status = Status.COMPLETED) -> None:
        """End one running backup."""
        backup.status, backup.progress, backup.end_time = status, None, page_data.now()
        backup.duration_s, backup.size_bytes, backup.file_count = 72.0, 98_000_000_000, 48_211
        self.tell('backup', backup.id)

    def live(self, stop: threading.Event) -> None:
        """Move the running backups on until told to stop, in the manner of a worker thread."""
        for tick in itertools.count():
            for backup in [b for b in self.backup_list if b.status == Status.RUNNING]:
                self.move(
                    backup,
                    min(
                        99.0, ((backup.progress.percent or 0) if backup.progress else 0) + 0.3 + tick % 3 / 10
                    ),
                )
            if stop.wait(0.5):
                return


def found(items: list[Any], number: int, noun: str) -> Any:
    """Return the item with this id. Raise NotFound as the store does."""
    for item in items:
        if item.id == number:
            return item
    raise NotFound(f'There is no {noun} {number}.')


class Clients:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine
        self.trouble: ClientError | None = None

    def all(self) -> list[Client]:
        return [client.model_copy() for client in self._engine.client_list]

    def get(self, number: int) -> Client:
        return self._stored(number).model_copy()

    def _stored(self, number: int) -> Client:
        client: Client = found(self._engine.client_list, number, 'client')
        return client

    def create(self, fields: dict[str, Any]) -> Client:
        good = checked(ClientFields, fields)
        client = Client(
            id=max([c.id for c in self.all()], default=0) + 1, **good.model_dump(exclude=NOT_STORED)
        )
        self._engine.client_list.append(client)
        self._keep_secrets(client, good)
        self._engine.tell('client', client.id, 'created')
        return client

    def update(self, number: int, fields: dict[str, Any]) -> Client:
        client = self._stored(number)
        if fields.get('revision', client.revision) < client.revision:
            raise Conflict(
                'Someone changed this client in the meantime.', 'Reload the page and make your change again.'
            )
        merged = checked(ClientFields, {**client.model_dump(), **fields})
        for name, value in merged.model_dump(exclude=NOT_STORED).items():
            setattr(client, name, value)
        self._keep_secrets(client, merged)
        client.revision += 1
        return client.model_copy()

    def _keep_secrets(self, client: Client, entered: ClientFields) -> None:
        kept = not entered.forget_secrets
        client.has_password = bool(entered.password) or (kept and client.has_password)
        client.has_private_key = bool(entered.private_key) or (kept and client.has_private_key)

    def delete(self, number: int, cascade: bool = False, delete_data: bool = False) -> None:
        client = self._stored(number)
        if not cascade and any(job.client_id == number for job in self._engine.job_list):
            raise Conflict('The client still has jobs.', 'Delete its jobs first.')
        self._engine.client_list.remove(client)
        self._engine.job_list[:] = [job for job in self._engine.job_list if job.client_id != number]

    def try_fields(self, fields: dict[str, Any]) -> ConnectionTest:
        good = checked(ClientFields, fields)
        if self.trouble:
            return ConnectionTest(
                success=False,
                message=self.trouble.message,
                error=str(self.trouble),
                remedy=self.trouble.remedy,
                cause=self.trouble.cause,
            )
        return ConnectionTest(
            success=True, message=f'{good.host} answers.', system_info='Linux pi 6.12.25+rpt-rpi-v8 aarch64 GNU/Linux', rsync_version='3.4.1',
            latency_ms=12.4, host_key=HostKey(fingerprint=FINGERPRINT, status='new'), sudo_available=True if good.use_sudo else None,
            sudo_message='sudo works without a password.' if good.use_sudo else None,
        )  # fmt: skip

    def test(self, number: int) -> ConnectionTest:
        return self.try_fields(self.get(number).model_dump())

    def trust(self, number: int, fingerprint: str) -> Client:
        client = self._stored(number)
        client.host_key = fingerprint
        return client

    def install_key(self, number: int, password: str) -> ConnectionTest:
        return self.test(number)

    def browse(self, number: int, path: str = '/', show_hidden: bool = True) -> list[RemoteFile]:
        if path == '/root':
            raise ClientError(
                'Permission denied: /root.', 'Turn on “use sudo” for this client.', 'permission_denied'
            )
        names = [n for n in FOLDERS.get(path, []) if show_hidden or not n.startswith('.')]
        return [
            RemoteFile(name=n, path=f'{path.rstrip("/")}/{n}', size=3100, modified='2026-11-22T10:15:12+00:00', is_dir=n not in FILES, is_link=False,
                       permissions='755', mode='drwxr-xr-x', readable=True)
            for n in names
        ]  # fmt: skip


class Search:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine

    def find(self, text: str, limit: int = 100, **_: Any) -> SearchResult:
        job = self._engine.job_list[0]
        names = [
            '.homeassistant',
            'notes.txt',
            'notes.txt.bak',
            page_data.HOSTILE,
            *(f'IMG_{n}.heic' for n in range(40)),
        ]
        hits = [
            FoundFile(
                name=name, path=f'/home/pi/{name}', is_dir=name.startswith('.'), is_link=False, size=3100, modified=page_data.now(),
                job_id=job.id, job_name=job.name, client_id=job.client_id, client_name=job.client_name, first_backup_id=1,
                last_backup_id=480, first_seen=page_data.now(), last_seen=page_data.now(), gone=name.endswith('bak'),
            )
            for name in names
            if text.casefold() in name.casefold()
        ]  # fmt: skip
        return SearchResult(results=hits[:limit], total=len(hits), more=False, complete=True)


class Jobs:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine

    def all(self, client_id: int | None = None) -> list[JobView]:
        wanted = [job for job in self._engine.job_list if client_id in {None, job.client_id}]
        return [self._view(job).model_copy() for job in wanted]

    def get(self, number: int) -> JobView:
        return self._view(found(self._engine.job_list, number, 'job'))

    def _view(self, job: JobView) -> JobView:
        last = next((b for b in reversed(self._engine.backup_list) if b.job_id == job.id), None)
        job.client_name = self._engine.clients.get(job.client_id).name
        job.last_run, job.last_status, job.last_backup_id = (
            (last.start_time, last.status, last.id) if last else (None, None, None)
        )
        mine = [b for b in self._engine.backup_list if b.job_id == job.id and b.status.good]
        job.last_good_run = mine[-1].start_time if mine else None
        return job

    def create(self, fields: dict[str, Any]) -> JobView:
        good = checked(JobFields, fields)
        job = JobView(id=max([j.id for j in self._engine.job_list], default=0) + 1, **good.model_dump())
        self._engine.job_list.append(job)
        self._engine.tell('job', job.id, 'created')
        return self.get(job.id)

    def update(self, number: int, fields: dict[str, Any]) -> JobView:
        job = found(self._engine.job_list, number, 'job')
        for name, value in checked(JobFields, {**job.model_dump(), **fields}):
            if name != 'ping_url':
                setattr(job, name, value)
        return self.get(number)

    def delete(self, number: int, delete_data: bool = False) -> None:
        self._engine.job_list.remove(self.get(number))

    def run(self, number: int, trigger: Trigger = Trigger.MANUAL) -> Backup:
        job = self.get(number)
        if any(b.job_id == number and not b.status.finished for b in self._engine.backup_list):
            raise Conflict(f'“{job.name}” is already running.', 'Wait until it has ended or cancel it.')
        backup = page_data.running(job, len(self._engine.backup_list) + 1, page_data.now(), 0)
        self._engine.backup_list.append(backup)
        self._engine.tell('backup', backup.id, 'created')
        return backup

    def history(self, number: int, limit: int = 100, offset: int = 0) -> Page[Backup]:
        return self._engine.backups.page(job_id=number, limit=limit, offset=offset)

    def preview_schedule(self, schedule: str, timezone: str | None = None) -> SimpleNamespace:
        timing.check(schedule, timezone)
        zone = ZoneInfo(timezone) if timezone else self._engine.settings.zone
        times = timing.next_runs(schedule, zone, page_data.now(), 5)
        return SimpleNamespace(
            text=timing.in_words(schedule), next=[moment.astimezone(zone) for moment in times]
        )


class Backups:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine

    def page(self, client_id: int | None = None, job_id: int | None = None, status: str | None = None, search: str = '',
             limit: int = 100, offset: int = 0) -> Page[Backup]:  # fmt: skip
        def wanted(b: Backup) -> bool:
            known = (
                client_id in {None, b.client_id}
                and job_id in {None, b.job_id}
                and (not status or b.status.value in status.split(','))
            )
            return known and search.lower() in f'{b.client_name} {b.job_name}'.lower()

        chosen = [b for b in reversed(self._engine.backup_list) if wanted(b)]
        return Page(items=chosen[offset : offset + limit], total=len(chosen))

    def get(self, number: int) -> Backup:
        return found(self._engine.backup_list, number, 'backup')

    def edit(self, number: int, fields: dict[str, Any]) -> Backup:
        backup = self.get(number)
        for name, value in fields.items():
            setattr(backup, name, value)
        return backup

    def delete(self, number: int) -> None:
        self._engine.backup_list.remove(self.get(number))

    def cancel(self, number: int) -> Backup:
        self._engine.finish(self.get(number), Status.CANCELLED)
        return self.get(number)

    def log(self, number: int) -> Iterator[bytes]:
        yield '\n'.join(self.log_tail(number)).encode()

    def log_tail(self, number: int, count: int = 500) -> list[str]:
        return ['02:00:00 homeassistant answers, host key as pinned, rsync 3.2.7', '02:00:01 scan: 48,211 files, 655 changed (3.0 GB), 3 gone',
                f'02:00:02 >f+++++++++ home/pi/{page_data.HOSTILE}']  # fmt: skip

    def files(
        self,
        number: int,
        path: str = '/',
        limit: int = 1000,
        offset: int = 0,
        recursive: bool = False,
        search: str = '',
    ) -> SimpleNamespace:
        if path not in FOLDERS and path != '/home/ada':
            raise NotFound(f'There is no {path} in this snapshot.')
        files = [
            SimpleNamespace(name=n, path=f'{path.rstrip("/")}/{n}', size=18_200, modified=page_data.now() - timedelta(days=3), is_dir=n not in FILES,
                            is_link=False, target=None, mode='drwxr-xr-x', owner='pi', group='pi')
            for n in FOLDERS.get(path, [])
        ]  # fmt: skip
        return SimpleNamespace(path=path, files=files[offset : offset + limit], total=len(files))


class Verifications:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine
        self.list = list[Verification]()

    def start(self, backup_id: int) -> Verification:
        if any(run.backup_id == backup_id and not run.status.finished for run in self.list):
            raise Conflict('This backup is being verified already.', 'Wait for the end of that.')
        backup = self._engine.backups.get(backup_id)
        run = Verification(
            id=len(self.list) + 1, backup_id=backup_id, job_id=backup.job_id, client_id=backup.client_id
        )
        self.list.append(run)
        self._engine.tell('verify', run.id, 'created')
        return run

    def move(self, run: Verification, percent: float) -> None:
        """Publish that one is that far."""
        total = self._engine.backups.get(run.backup_id).size_bytes
        run.status = Status.RUNNING
        run.progress = Progress(
            phase='verifying', percent=percent, bytes=int(total * percent / 100), bytes_total=total, eta_s=40
        )
        self._engine.tell('verify', run.id)
        self._engine.events.publish(Progressed(kind='verify', run_id=run.id, progress=run.progress))

    def end(self, run: Verification, errors: list[str], shared_with: list[int] | None = None) -> None:
        """End one with what it found."""
        backup = self._engine.backups.get(run.backup_id)
        run.verify_status = backup.verify_status = 'damaged' if errors else 'ok'
        run.verify_errors = backup.verify_errors = errors
        run.error_count, run.shared_with = len(errors), shared_with or []
        run.status = Status.WARNING if errors else Status.COMPLETED
        run.progress, backup.verified_at = None, page_data.now()
        self._engine.tell('verify', run.id)
        self._engine.tell('backup', backup.id)

    def page(self, status: str = '', limit: int = 100) -> Page[Verification]:
        found = [run.model_copy() for run in self.list if run.status.value in status.split(',')]
        return Page(items=found[:limit], total=len(found))

    def of_backup(self, backup_id: int, limit: int = 100, offset: int = 0) -> Page[Verification]:
        mine = [run.model_copy() for run in reversed(self.list) if run.backup_id == backup_id]
        return Page(items=mine[offset : offset + limit], total=len(mine))

    def cancel(self, number: int) -> Verification:
        run: Verification = found(self.list, number, 'verification')
        run.status, run.progress = Status.CANCELLED, None
        self._engine.tell('verify', run.id)
        return run


class Retaining:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine

    def prune(self, job_id: int, fields: dict[str, Any]) -> Pruning:
        assert fields['dry_run']
        mine = [b for b in self._engine.backup_list if b.job_id == job_id and b.status.good]
        candidates = [Candidate(backup_id=b.id, time=b.start_time, pinned=b.pinned) for b in mine]
        zone, now = self._engine.settings.zone, page_data.now()
        verdict = decide(Retention(**fields['retention']), candidates, zone, now)
        return Pruning(
            keep=verdict.keep, remove=verdict.remove, freed_bytes=len(verdict.remove) * 700_000_000
        )


class Accounts:
    def __init__(self) -> None:
        self.users = True
        self.first_start_code = 'FLEEB-1234'
        self._theme = 'auto'
        self.actor: Actor | None = Actor(name='admin', kind='user', scope=Scope.ADMIN)
        self.listeners = list[Callable[[str], object]]()

    def session_actor(self, token: str, address: str = '', *, touch: bool = True) -> Actor | None:
        return self.actor

    def when_session_ends(self, listener: Callable[[str], object]) -> None:
        self.listeners.append(listener)

    def has_users(self) -> bool:
        return self.users

    def theme(self, username: str) -> str:
        return self._theme

    def set_theme(self, username: str, theme: str) -> None:
        self._theme = theme

    def change_password(self, username: str, old: str, new: str, keep_token: str = '') -> None:
        if old != 'plumbus':
            raise InvalidInput({'old': 'is not your present password'})


class System:
    def __init__(self, engine: PageEngine) -> None:
        self._engine = engine
        self.version = '6.0.0'
        self.warnings = list[str]()

    def stats(self) -> dict[str, Any]:
        backups = self._engine.backup_list
        good = [b for b in backups if b.status.good]
        ended = [b for b in backups if b.status.finished]
        return {
            'total_clients': len(self._engine.client_list), 'total_jobs': len(self._engine.job_list), 'enabled_jobs': len(self._engine.job_list),
            'total_backups': len(backups), 'successful_backups': len(good), 'failed_backups': len(ended) - len(good),
            'successful_30_days': len(good), 'failed_30_days': len(ended) - len(good),
            'success_rate': round(100 * len(good) / len(ended), 1) if ended else 0, 'protected_bytes': 1_840_000_000_000 if backups else 0,
            'disk_bytes': 2_310_000_000_000 if backups else 0, 'disk_free_bytes': 1_690_000_000_000, 'disk_total_bytes': 4_000_000_000_000,
            'disk_trend': page_data.trend() if backups else [], 'disk_forecast': page_data.FORECAST,
            'running': sum(b.status == Status.RUNNING for b in backups), 'queued': 0, 'overdue_jobs': 0, 'version': self.version,
        }  # fmt: skip

    def lately(self) -> Lately:
        days, last = Days(self._engine.settings.zone, page_data.now), dict[int, Backup]()
        for backup in self._engine.backup_list:
            days.added(backup.id, backup.model_dump(mode='json'))
            if backup.status.finished and backup.status != Status.CANCELLED:
                last[backup.job_id] = backup.model_copy()
        return Lately(days=days.results(), last=last)

    def health(self) -> None:
        return None

    def sizes(self) -> dict[int, int]:
        newest = sorted(self._engine.backup_list, key=lambda one: one.id)
        return {one.job_id: one.size_bytes for one in newest if one.status.good}

    def storage(self) -> dict[str, Any]:
        return {
            'rsync_version': '3.4.3',
            'file_system': {
                'hard_links': True, 'xattrs': True, 'acls': True, 'case_sensitive': True, 'sparse_files': True, 'reflinks': False, 'subvolumes': False,
                'foreign_owners': True,
            },
            'warnings': list(self.warnings),
        }  # fmt: skip

    def public_key(self) -> SimpleNamespace:
        key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlumbusPlumbusPlumbusPlumbusPlumbusPlumbus plumbus'
        return SimpleNamespace(
            public_key=key,
            install_command=f"mkdir -p ~/.ssh && chmod 700 ~/.ssh && echo '{key}' >> ~/.ssh/authorized_keys",
            dedicated_command=f"sudo sh -c 'useradd plumbus; echo {key}'",
            rsync_command=f"echo 'restrict {key}' >> ~/.ssh/authorized_keys",
        )

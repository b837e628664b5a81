"""Pings in the manner of healthchecks: a URL of each job is called when its backup starts, succeeds or fails."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import httpx

from plumbus import __version__
from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, InvalidInput, PlumbusError
from plumbus.events import Changed, Event
from plumbus.model import Backup, Delivery, Job, Status
from plumbus.model.fields import has_control_characters
from plumbus.notify.attempt import Attempts, NotDelivered
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault

TRIES = 3
PAUSE_S = 2.0
LIMIT_S = 15.0
CONNECT_S, READ_S = 5.0, 10.0
LONGEST_URL = 2000
MOST_WAITING = 1000
log = logging.getLogger(__name__)


class PingUrls:
    """The ping URLs of jobs: in the vault, for whoever knows one may ping it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def check(self, url: str) -> None:
        """Given what a user entered, raise InvalidInput naming `ping_url` if it is no http(s) URL."""
        try:
            parts = urlsplit(url)
            fine = parts.scheme in {'http', 'https'} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine or len(url) > LONGEST_URL or has_control_characters(url) or ' ' in url:
            raise InvalidInput({'ping_url': 'must be a URL like https://hc-ping.com/your-uuid'})

    def keep(self, job_id: int, url: str) -> str | None:
        """Given a URL, keep it, or forget the stored one if it is empty. Return what may be shown of it."""
        if not url:
            self.forget(job_id)
            return None
        self._vault.put(_owner(job_id), 'ping_url', url)
        return shown(url)

    def of(self, job_id: int) -> str | None:
        """Given a job, return its URL, if it has one. Raise StoreError if it cannot be decrypted."""
        return self._vault.get(_owner(job_id), 'ping_url')

    def forget(self, job_id: int) -> None:
        """Given a job, forget its URL."""
        self._vault.forget(_owner(job_id))


class Pinger:
    """Hears of runs in their own threads and returns at once; `work` belongs to a thread of its own."""

    def __init__(
        self,
        *,
        urls: PingUrls,
        jobs: Documents[Job],
        backups: Documents[Backup],
        note: Callable[[Delivery], None],
        attempts: Attempts,
        now: Callable[[], datetime],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._urls, self._jobs, self._backups = urls, jobs, backups
        self._note, self._attempts, self._now, self._pause_s = note, attempts, now, pause_s
        self._lock = threading.Lock()
        self._waiting: deque[int] = deque(maxlen=MOST_WAITING)
        self._open: OrderedDict[int, bool] = (
            OrderedDict()
        )  # runs that have not ended, and whether their start was told

    def hear(self, event: Event) -> bool:
        """Given an event, return whether there is something to do about it."""
        if not isinstance(event, Changed) or event.noun != 'backup' or event.action == 'deleted':
            return False
        with self._lock:
            if event.action == 'created':
                self._remember(event.id, started=False)
                return False
            if event.id not in self._waiting:
                self._waiting.append(event.id)
        return True

    def work(self, cancellation: Cancellation) -> None:
        """Ping for each run that began or ended since the last call."""
        while True:
            cancellation.check()
            with self._lock:
                if not self._waiting:
                    return
                backup_id = self._waiting.popleft()
            backup = self._backups.find(backup_id)
            if backup:
                self._tell(backup, cancellation)

    def _tell(self, backup: Backup, cancellation: Cancellation) -> None:
        with self._lock:
            started = self._open.get(backup.id)
            # A later edit of a record that has ended is no news.
            if started is None and backup.status is not Status.RUNNING:
                return
            if backup.status.finished:
                self._open.pop(backup.id, None)
            elif backup.status is Status.RUNNING:
                self._remember(backup.id, started=True)
        job = self._jobs.find(backup.job_id)
        if job is None or not job.ping_shown or backup.status is Status.QUEUED:
            return
        if not started and backup.start_time:
            self._ping(job, backup, '/start', cancellation)
        if backup.status.finished:
            self._ping(job, backup, ending(backup), cancellation)

    def _remember(self, backup_id: int, *, started: bool) -> None:
        self._open[backup_id] = started
        while len(self._open) > MOST_WAITING:
            self._open.popitem(last=False)

    def _ping(self, job: Job, backup: Backup, signal: str, cancellation: Cancellation) -> None:
        error: PlumbusError | None = None
        for number in range(TRIES):
            if number and cancellation.wait(self._pause_s * number):
                return
            try:
                if url := self._urls.of(job.id):
                    self._attempts.within(LIMIT_S, partial(call, with_signal(url, signal)))
            except Cancelled:
                raise
            except PlumbusError as failure:
                error = failure
            else:
                return
        log.warning('The ping URL of job %d could not be called: %s', job.id, error)
        self._note(
            Delivery(
                target_name=job.ping_shown or '', job_id=job.id, kind='ping', status='failed', attempts=TRIES, error=str(error),
                title=f'{signal or "success"} of {backup.job_name} of {backup.client_name}', ended_at=self._now(),
            )
        )  # fmt: skip


def call(url: str) -> None:
    """Given a URL, call it; its answer is not read, and no redirection followed. Raise NotDelivered."""
    try:
        with (
            httpx.Client(
                timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
                follow_redirects=False,
                headers={'User-Agent': f'PLUMBUS/{__version__}'},
            ) as client,
            client.stream('GET', url) as answer,
        ):
            status = answer.status_code
    except httpx.TimeoutException:
        raise NotDelivered('It did not answer in time.', 'Look whether the service is up.') from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        raise NotDelivered(
            f'It could not be reached ({type(error).__name__}).', 'Check the URL and the network of the PLUMBUS server.'
        ) from None  # fmt: skip
    if not 200 <= status < 300:
        raise NotDelivered(f'It answered with status {status}.', 'Check the URL.')


def ending(backup: Backup) -> str:
    """Given a backup that has ended, return what to append: nothing if it went well, else its exit code or /fail."""
    if backup.status.good:
        return ''
    return f'/{backup.exit_code}' if backup.exit_code and 0 < backup.exit_code < 256 else '/fail'


def with_signal(url: str, signal: str) -> str:
    """Given a URL and what to append, append it to its path, before a query."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip('/') + signal if signal else parts.path))


def shown(url: str) -> str:
    """Given a URL, return what may be shown: where it leads, not the secret in its path."""
    parts = urlsplit(url)
    port = f':{parts.port}' if parts.port else ''
    host = f'[{parts.hostname}]' if ':' in (parts.hostname or '') else parts.hostname
    return f'{parts.scheme}://{host}{port}/…'


def _owner(job_id: int) -> str:
    return f'job:{job_id}'

"""How long a client that is not there is waited for: later and later, until a window ends. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from plumbus.errors import PlumbusError
from plumbus.model import Backup, Job, Status, Trigger

# What a machine that is switched off, asleep or in another network looks like. Its name may be unknown as well then: mDNS and
# many routers tell only the names of what is there.
OFFLINE = frozenset({'dns', 'refused', 'timeout', 'network_unreachable', 'unreachable'})
BY_HAND = frozenset({Trigger.MANUAL, Trigger.API})
SHORTEST_PAUSE_S = 1
LONGEST_PAUSE = timedelta(minutes=30)
MOST_DOUBLINGS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """`window_minutes` goes for jobs that name none, `zone` is the one of jobs that name none."""

    window_minutes: int
    zone: ZoneInfo

    def waits_for(self, error: PlumbusError, backup: Backup, job: Job) -> bool:
        """Whether this is a matter of time, and no person waits for the answer."""
        return (
            getattr(error, 'cause', '') in OFFLINE
            and backup.trigger not in BY_HAND
            and bool(self._window(job))
        )

    def postponed(
        self, error: PlumbusError, backup: Backup, job: Job, now: datetime
    ) -> dict[str, Any] | None:
        """Given why a client could not be backed up, return the fields of a record that waits for the next try.

        Return None if this is not waited for, or if the window is over.
        """
        if not self.waits_for(error, backup, job):
            return None
        window = self._window(job)
        until = min(backup.try_until or now + window, now + window)  # less, if the clock was set back
        if now >= until:
            return None
        next_try = min(now + pause(backup.tries, job.retry_delay_s), until)
        zone = ZoneInfo(job.timezone) if job.timezone else self.zone
        when, last = clock_time(next_try, now, zone), clock_time(until, now, zone)
        return {
            'status': Status.QUEUED,
            'start_time': None,
            'tries': backup.tries + 1,
            'next_try': next_try,
            'try_until': until,
            'queued_reason': f'{error.message} Next try at {when}, the last one at {last}.',
        }

    def _window(self, job: Job) -> timedelta:
        own = job.retry_window_minutes
        return timedelta(minutes=self.window_minutes if own is None else own)


def pause(tries: int, first_s: float) -> timedelta:
    """Given how many tries were in vain before this one, return how long to wait: twice as long each time, half an hour at most."""
    seconds = max(first_s, SHORTEST_PAUSE_S) * 2 ** min(tries, MOST_DOUBLINGS)
    return min(timedelta(seconds=seconds), LONGEST_PAUSE)


def clock_time(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Given a time, return '03:40', or 'Tue 03:40' if it is not today."""
    local = moment.astimezone(zone)
    return f'{local:%H:%M}' if local.date() == now.astimezone(zone).date() else f'{local:%a %H:%M}'

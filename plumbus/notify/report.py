"""The weekly report: what was protected, what failed, how much grew, and when the disk will be full."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from statistics import linear_regression
from typing import Any

from plumbus.backup.guards import size
from plumbus.backup.standing import Raw, Standing, moment, standings
from plumbus.model import Backup, Client, Job, NotificationSettings
from plumbus.store.documents import Documents

WEEK = timedelta(days=7)
TREND_DAYS = 28
LEAST_DAYS = 7
FAR_DAYS = 3650
MOST_NAMED = 30


@dataclass(kw_only=True, slots=True)
class Sums:
    """What the records of backups add up to. `growth` is bytes by the time they came, or went (negative)."""

    since: datetime
    good: int = 0
    warnings: int = 0
    failed: int = 0
    kept_bytes: int = 0
    protected_jobs: set[int] = field(default_factory=set)
    growth: list[tuple[datetime, int]] = field(default_factory=list)

    def add(self, raw: Raw) -> None:
        """Given a raw record, count it."""
        ended = moment(raw.get('end_time'))
        if ended is None:
            return
        if ended >= self.since:
            self._count(raw)
        if raw['status'] in {'completed', 'warning'}:
            stored = (raw.get('disk_bytes') or 0) - (raw.get('inherited_bytes') or 0)
            self.growth.append((ended, stored))
            if raw.get('backup_path'):
                self.kept_bytes += raw.get('disk_bytes') or 0
            elif removed := moment(raw.get('removed_at')):
                freed = raw.get('freed_bytes')
                self.growth.append((removed, -(stored if freed is None else freed)))

    def _count(self, raw: Raw) -> None:
        self.good += raw['status'] == 'completed'
        self.warnings += raw['status'] == 'warning'
        self.failed += raw['status'] in {'failed', 'interrupted'}
        if raw['status'] in {'completed', 'warning'}:
            self.protected_jobs.add(raw['job_id'])


@dataclass(kw_only=True, slots=True)
class Reporter:
    """Writes the report from the records."""

    backups: Documents[Backup]
    jobs: Documents[Job]
    clients: Documents[Client]
    overdue: Callable[[], Collection[int]]
    disk_space: Callable[[], tuple[int, int]]
    reserve_percent: float

    def lines(self, now: datetime) -> list[str]:
        """Return the title, then the paragraphs."""
        sums = Sums(since=now - WEEK)
        for raw in self.backups.raw():
            sums.add(raw)
        known = standings(self.backups)
        jobs = self.jobs.all()
        bad = self._bad(jobs, known)
        title = f'Weekly report: {"all is well" if not bad else _counted(len(bad), "job needs", "jobs need") + " attention"}'
        return [title, *_what_happened(sums, jobs), *_listed('Not well now:', bad), *self._room(sums, now)]

    def _bad(self, jobs: Sequence[Job], known: dict[int, Standing]) -> list[str]:
        names = {client.id: client.name for client in self.clients.all()}
        overdue = set(self.overdue())
        told = []
        for job in jobs:
            standing = known.get(job.id, Standing())
            troubles = [
                words
                for words, holds in (
                    ('the last backup failed', standing.status == 'failed'),
                    ('overdue', job.id in overdue),
                    ('has damaged snapshots', bool(standing.damaged)),
                )
                if holds
            ]
            if troubles:
                told.append(f'{job.name} of {names.get(job.client_id, "?")}: {", ".join(troubles)}')
        return told

    def _room(self, sums: Sums, now: datetime) -> list[str]:
        free, total = self.disk_space()
        week = sum(grown for time, grown in sums.growth if time >= now - WEEK)
        grown = f'{"grew by" if week >= 0 else "shrank by"} {size(abs(week))} this week'
        said = (
            f'The snapshots take {size(sums.kept_bytes)} and {grown}. {size(free)} of {size(total)} are free.'
        )
        usable = free - total * self.reserve_percent / 100
        return [said, forecast(sums.growth, usable, now)]


def forecast(growth: Sequence[tuple[datetime, int]], free: float, now: datetime) -> str:
    """Given bytes by time and what is free, tell when the disk will be full if it goes on like in the last four weeks."""
    rate = daily_growth(growth, now)
    if rate is None:
        return 'How long the disk lasts can be told after a week of backups.'
    days = free / rate if rate > 0 else FAR_DAYS
    if days >= FAR_DAYS:
        return 'If it goes on like this, the disk will not be full in the next years.'
    if days < 1:
        return 'If it goes on like this, the disk will be full within a day.'
    return f'If it goes on like this (about {size(int(rate))} a day), the disk will be full in about {_counted(int(days), "day", "days")}.'


def daily_growth(growth: Sequence[tuple[datetime, int]], now: datetime) -> float | None:
    """Given bytes by time, return the slope of a line through the last four weeks, in bytes a day; None if that is too short."""
    if not growth:
        return None
    first = min(time for time, _ in growth)
    days = min(TREND_DAYS, (now - first).days)
    if days < LEAST_DAYS:
        return None
    begin = now - timedelta(days=days)
    ordered = sorted(growth)
    totals, total, place = [], 0.0, 0
    for day in range(days + 1):
        while place < len(ordered) and ordered[place][0] <= begin + timedelta(days=day):
            total += ordered[place][1]
            place += 1
        totals.append(total)
    return linear_regression(range(days + 1), totals).slope


def last_due(settings: NotificationSettings, zone: tzinfo, now: datetime) -> datetime:
    """Given day and hour of the report, return the last time it was due."""
    local = now.astimezone(zone)
    back = (local.weekday() - settings.report_weekday) % 7
    due = (local - timedelta(days=back)).replace(hour=settings.report_hour, minute=0, second=0, microsecond=0)
    return due if due <= local else due - WEEK


def _what_happened(sums: Sums, jobs: Sequence[Job]) -> list[str]:
    enabled = [job for job in jobs if job.enabled]
    protected = sum(job.id in sums.protected_jobs for job in enabled)
    ran = sums.good + sums.warnings + sums.failed
    made = f'{_counted(ran, "backup", "backups")} in the last seven days: {sums.good} went well, {sums.warnings} with warnings, {sums.failed} failed.'
    return [
        f'{protected} of {_counted(len(enabled), "job that is on was", "jobs that are on were")} backed up. {made}'
    ]


def _listed(title: str, items: Sequence[Any]) -> list[str]:
    if not items:
        return []
    more = [f'and {len(items) - MOST_NAMED} more'] if len(items) > MOST_NAMED else []
    return ['\n'.join([title, *(f'- {item}' for item in items[:MOST_NAMED]), *more])]


def _counted(number: int, one: str, many: str) -> str:
    return f'{number} {one if number == 1 else many}'

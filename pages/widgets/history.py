"""The table of backups, as the history page, a client's and a job's page show it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from pages.calls import ask
from pages.frame import View
from pages.live import Batch
from pages.widgets.empty import empty
from pages.widgets.listing import Column, Listing, Query, chip, text, to, when
from pages.wording import DAMAGED, TRIGGERS, Look, count, duration, size, waits
from plumbus.model import Backup, Page, Status

Whose = Literal['any', 'client', 'job']


@dataclass(kw_only=True, slots=True)
class Filters:
    """What the history is narrowed down to."""

    client_id: int | None = None
    job_id: int | None = None
    status: str | None = None
    search: str = ''

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return any((self.client_id, self.job_id, self.status, self.search))


def history(view: View, filters: Filters, *, whose: Whose = 'any') -> Listing[Backup]:
    """Given filters, show the backups they let through, newest first; `whose` tells which names go without saying."""

    async def load(query: Query) -> Page[Backup]:
        return await ask(
            view.engine.backups.page,
            client_id=filters.client_id,
            job_id=filters.job_id,
            status=filters.status,
            search=filters.search,
            limit=query.limit,
            offset=query.offset,
        )

    listing = Listing(columns(view.zone, whose), load, label='Backups', nothing=_nothing(filters))

    async def happened(_: Batch) -> None:
        await listing.reload()

    view.feed.on(happened, 'backup')
    return listing


def columns(zone: tzinfo, whose: Whose) -> list[Column[Backup]]:
    """Return the columns of the history."""
    return [
        Column(
            name='name',
            label='Backup',
            kind='main',
            cell=lambda b: to(_title(b, whose), f'/backups/{b.id}', _remark(b)),
        ),
        Column(name='status', label='Status', kind='chip', cell=lambda b: chip(_state(b))),
        Column(
            name='begun',
            label='Started',
            kind='when',
            cell=lambda b: when(b.start_time or b.created_at, zone),
        ),
        Column(name='took', label='Took', kind='number', cell=lambda b: text(_took(b))),
        Column(
            name='size',
            label='Size',
            kind='number',
            cell=lambda b: text(size(b.size_bytes) if b.size_bytes else ''),
        ),
        Column(name='fetched', label='Fetched', kind='number', cell=lambda b: text(_fetched(b))),
        Column(
            name='files',
            label='Files',
            kind='number',
            cell=lambda b: text(count(b.file_count) if b.file_count else ''),
        ),
    ]


def _state(backup: Backup) -> Look | Status:
    return DAMAGED if backup.verify_status == 'damaged' and not backup.removed_at else backup.status


def _title(backup: Backup, whose: Whose) -> str:
    titles = {
        'any': f'{backup.client_name} · {backup.job_name}',
        'client': backup.job_name,
        'job': f'Backup {backup.id}',
    }
    return titles[whose]


def _remark(backup: Backup) -> str:
    if backup.removed_at:
        return 'the snapshot was removed'
    if backup.status is Status.QUEUED:
        return waits(backup)
    if backup.verify_errors:
        return backup.verify_errors[0]
    if backup.error_message:
        return backup.error_message
    if backup.warnings:
        return (
            backup.warnings[0]
            if len(backup.warnings) == 1
            else f'{backup.warnings[0]} and {len(backup.warnings) - 1} more'
        )
    return TRIGGERS[backup.trigger]


def _took(backup: Backup) -> str:
    return duration(backup.duration_s) if backup.duration_s is not None else ''


def _fetched(backup: Backup) -> str:
    return size(backup.transferred_bytes) if backup.status.good else ''


def _nothing(filters: Filters) -> Callable[[], object]:
    def draw() -> object:
        if filters.any:
            return empty('No backup fits these filters', 'Loosen a filter and the history comes back.')
        return empty(
            'No backup yet',
            'The schleem is ready. Run a job, and its backups line up here.',
            ('Add a job', '/jobs/new'),
        )

    return draw

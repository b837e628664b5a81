"""Where each job stands, from one look at the raw records: quick with very many of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plumbus.model import Backup
from plumbus.store.documents import Documents

GOOD = frozenset({'completed', 'warning'})
JUDGED = GOOD | {'failed'}  # a backup that was cancelled or interrupted says nothing about its job
ENDED = JUDGED | {'cancelled', 'interrupted'}
Raw = Mapping[str, Any]


@dataclass(kw_only=True, slots=True)
class Standing:
    """The newest backups of one job, as stored: that has ended, that says how the job is, that went well."""

    ended: Raw = field(default_factory=dict)
    judged: Raw = field(default_factory=dict)
    good: Raw = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    @property
    def status(self) -> str | None:
        """How the job is: completed, warning or failed; None if nothing says so."""
        return self.judged.get('status')

    @property
    def last_good(self) -> datetime | None:
        """When its last good backup began."""
        return moment(self.good.get('start_time'))


def standings(
    backups: Documents[Backup], also: Callable[[Raw], None] = lambda _: None
) -> dict[int, Standing]:
    """Return the standing of every job that has records. `also` is shown every record; it must not keep or change any."""
    found: dict[int, Standing] = {}

    def look(raw: Raw) -> None:
        also(raw)
        status = raw['status']
        if status not in ENDED:
            return
        standing = found.get(raw['job_id'])
        if standing is None:
            standing = found[raw['job_id']] = Standing()
        number = raw['id']
        if number > standing.ended.get('id', 0):
            standing.ended = raw
        if status in JUDGED and number > standing.judged.get('id', 0):
            standing.judged = raw
        if status in GOOD:
            if number > standing.good.get('id', 0):
                standing.good = raw
            if raw.get('verify_status') == 'damaged' and raw.get('backup_path'):
                standing.damaged.append(number)

    for raw in backups.raw():
        look(raw)
    return {job_id: _copied(standing) for job_id, standing in found.items()}


def moment(text: str | None) -> datetime | None:
    """Given a time as it is stored, return it."""
    return datetime.fromisoformat(text) if text else None


def _copied(standing: Standing) -> Standing:
    wanted = (
        'id',
        'status',
        'cause',
        'client_id',
        'start_time',
        'end_time',
        'duration_s',
        'size_bytes',
        'transferred_bytes',
        'file_count',
    )

    def part(raw: Raw) -> Raw:
        return {name: raw.get(name) for name in wanted} if raw else {}

    return Standing(
        ended=part(standing.ended),
        judged=part(standing.judged),
        good=part(standing.good),
        damaged=sorted(standing.damaged, reverse=True),
    )

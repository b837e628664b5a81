"""Where each job stands, from the newest of its raw records: quick with very many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plumbus.model import Backup
from plumbus.store.documents import Documents

Raw = Mapping[str, Any]


@dataclass(kw_only=True, slots=True)
class Standing:
    """The newest backups of one job, as stored: that has ended, that says how the job is, that went well. A backup that was
    cancelled or interrupted says nothing about its job. `damaged`: the ids of its damaged snapshots, newest first."""

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


def standings(backups: Documents[Backup]) -> dict[int, Standing]:
    """Return the standing of every job that has a backup which has ended."""
    good, judged = backups.newest_of_each('good_of'), backups.newest_of_each('judged_of')
    damaged = backups.newest_of_each('damaged_of')
    return {
        job_id: Standing(
            ended=ended,
            judged=judged.get(job_id, {}),
            good=good.get(job_id, {}),
            damaged=backups.ids({'damaged_of': job_id})[::-1] if job_id in damaged else [],
        )
        for job_id, ended in backups.newest_of_each('ended_of').items()
        if job_id is not None
    }


def moment(text: str | None) -> datetime | None:
    """Given a time as it is stored, return it."""
    return datetime.fromisoformat(text) if text else None

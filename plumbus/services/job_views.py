"""The views of all jobs: open pages ask for them after each change of anything, so only what looks different is made anew."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plumbus.backup.standing import moment
from plumbus.model import Backup, Job, JobView
from plumbus.store.derived import Derived
from plumbus.store.documents import Documents
from plumbus.store.rows import decoded

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Made:
    text: bytes
    follows: tuple[Any, ...]
    view: JobView


class JobViews:
    """Thread-safe. The views are shared: nobody may change them."""

    def __init__(self, jobs: Documents[Job], backups: Documents[Backup]) -> None:
        self._jobs, self._backups = jobs, backups
        self._needed, self._last_runs = Derived(jobs, _needed), Derived(backups, of_last_run)
        self._made: dict[int, _Made] = {}

    def needed(self) -> dict[int, Raw]:
        """Return of each job by its id the fields that others follow from."""
        return self._needed.of()

    def last_runs(self) -> dict[int, Raw]:
        """Return by job the fields of a view that its backups tell."""
        return last_runs(self._backups, self._last_runs.of)

    def of(self, follows: Mapping[int, Raw]) -> list[JobView]:
        """Given by job the fields that follow from other things, return the views of these jobs, oldest first."""
        made = {
            job_id: self._view(job_id, text, follows[job_id])
            for job_id, text in self._jobs.texts().items()
            if job_id in follows
        }
        self._made = made  # in one step: threads share this
        return [one.view for one in made.values()]

    def _view(self, job_id: int, text: bytes, follows: Raw) -> _Made:
        known, told = self._made.get(job_id), tuple(follows.values())
        if known and known.text is text and known.follows == told:  # a text is never changed, only replaced
            return known
        return _Made(text, told, JobView.model_validate({**decoded(text), **follows}))


def last_runs(
    backups: Documents[Backup],
    of: Callable[[Iterable[int]], Mapping[int, Raw]],
    jobs: Iterable[int] | None = None,
) -> dict[int, Raw]:
    """Given `of_last_run` of backups by their ids, return by job (or of those given) the fields of a view that its backups tell."""
    newest, good = (backups.newest_ids(column, jobs) for column in ('job_id', 'good_of'))
    told = of({*newest.values(), *good.values()})
    began = {job_id: told[number]['last_run'] for job_id, number in good.items() if number in told}
    return {
        job_id: {**told[number], 'last_good_run': began.get(job_id)}
        for job_id, number in newest.items()
        if number in told
    }


def of_last_run(last: Raw) -> dict[str, Any]:
    """Given a backup as stored, return the fields of a view that it tells as the newest one of its job."""
    return {
        'last_run': moment(last.get('start_time') or last.get('created_at')),
        'last_status': last.get('status'),
        'last_backup_id': last.get('id'),
    }


def _needed(job: Raw) -> Raw:
    return {name: job.get(name) for name in ('client_id', 'source_paths', 'schedule')}

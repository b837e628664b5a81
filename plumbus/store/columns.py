"""By what records are searched: for each value of these columns the store knows the ids at once."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from plumbus.store.rows import Column

GOOD = ('completed', 'warning')
TRIED = (*GOOD, 'failed', 'interrupted')
JUDGED = (*GOOD, 'failed')  # one that was cancelled or interrupted says nothing about its job
ENDED = (*JUDGED, 'cancelled', 'interrupted')
# The names of fields whose text a search looks into.
SEARCHED = ('job_name', 'client_name', 'error_message')


def _field(name: str) -> Callable[[Mapping[str, Any]], Hashable]:
    def column(document: Mapping[str, Any]) -> Hashable:
        value = document.get(name)
        return value if isinstance(value, str | int) else None

    return column


def _words(document: Mapping[str, Any]) -> str:
    return '\n'.join(str(document.get(name) or '') for name in SEARCHED).lower()


def _kept(document: Mapping[str, Any]) -> bool:
    return bool(document.get('backup_path'))


def _job_of(*statuses: str) -> Callable[[Mapping[str, Any]], Hashable]:
    def column(document: Mapping[str, Any]) -> Hashable:
        return document.get('job_id') if document.get('status') in statuses else None

    return column


def _damaged_of(document: Mapping[str, Any]) -> Hashable:
    damaged = document.get('verify_status') == 'damaged' and _kept(document)
    return document.get('job_id') if damaged else None


RUN: Mapping[str, Column] = {
    'job_id': _field('job_id'),
    'client_id': _field('client_id'),
    'status': _field('status'),
    'words': _words,
}
BACKUP: Mapping[str, Column] = {
    **RUN,
    'kept': _kept,
    'good_of': _job_of(*GOOD),
    'judged_of': _job_of(*JUDGED),
    'tried_of': _job_of(*TRIED),
    'ended_of': _job_of(*ENDED),
    'damaged_of': _damaged_of,
}
# `kept`: whether there is a snapshot; `good_of` and its like: the job, if its run was good, says how the job is, has ended
# (and was not cancelled), or left a snapshot that was found damaged.
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    'jobs': {'client_id': _field('client_id'), 'enabled': _field('enabled')},
    'backups': BACKUP,
    'restores': {**RUN, 'backup_id': _field('backup_id')},
    'deliveries': {'status': _field('status')},
    'verifications': {**RUN, 'backup_id': _field('backup_id')},
}

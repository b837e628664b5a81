"""By what records are searched: for each value of these columns the store knows the ids at once."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from plumbus.store.rows import Column

GOOD = frozenset({'completed', 'warning'})
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


def _good_of(document: Mapping[str, Any]) -> Hashable:
    return document.get('job_id') if document.get('status') in GOOD else None


RUN: Mapping[str, Column] = {
    'job_id': _field('job_id'),
    'client_id': _field('client_id'),
    'status': _field('status'),
    'words': _words,
}
# `kept`: whether there is a snapshot; `good_of`: the job whose run was good.
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    'jobs': {'client_id': _field('client_id')},
    'backups': {**RUN, 'kept': _kept, 'good_of': _good_of},
    'restores': {**RUN, 'backup_id': _field('backup_id')},
    'verifications': {**RUN, 'backup_id': _field('backup_id')},
}

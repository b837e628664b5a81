"""Who may do what, and what of it the audit log tells: one table for API and pages alike. What is not in it needs an admin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from plumbus.model import Scope

# What may be said of a restore to the original place; a field that is not here, also one yet to come, needs an admin.
AT_ITS_PLACE = {'paths', 'safety_copy', 'dry_run'}
ADMIN, RUN, READ = Scope.ADMIN, Scope.RUN, Scope.READ
Arguments = Mapping[str, Any]


def _always(_arguments: Arguments, _record: Any) -> bool:
    return True


def _never(_arguments: Arguments, _record: Any) -> bool:
    return False


def _nothing(_arguments: Arguments) -> str:
    return ''


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    """What one operation needs. `scope` None needs no login; `own` is for the user that its first argument names.

    `action` names it in the audit log, empty if it is not told there when it succeeds. `stricter` says, by the arguments
    and the record they are about, when it needs an admin after all, `told` when a success is worth a line in the log, and
    `details` what that line tells of the arguments. `who` names the user that somebody who logs in says to be.
    """

    scope: Scope | None = ADMIN
    action: str = ''
    own: bool = False
    stricter: Callable[[Arguments, Any], bool] = _never
    told: Callable[[Arguments, Any], bool] = _always
    details: Callable[[Arguments], str] = _nothing
    who: Callable[[Any, Arguments], str] | None = None


def _typed_name(house: Any, arguments: Arguments) -> str:
    return str(house.accounts.known_name(str(arguments.get('username', ''))))


def _ticket_name(house: Any, arguments: Arguments) -> str:
    return str(house.accounts.ticket_name(str(arguments.get('ticket', ''))))


def _fields(arguments: Arguments) -> str:
    """Tell which fields were sent, never what stood in them."""
    fields = arguments.get('fields')
    names = sorted(map(str, fields)) if isinstance(fields, Mapping) else []
    return ', '.join(name for name in names if name != 'revision')


def _role_and_fields(arguments: Arguments) -> str:
    fields = arguments.get('fields')
    role = fields.get('role') if isinstance(fields, Mapping) else None
    return f'{_fields(arguments)}; role: {role}' if role else _fields(arguments)


def _scope(arguments: Arguments) -> str:
    fields = arguments.get('fields')
    told = ('scope', 'expires_days')
    given = fields if isinstance(fields, Mapping) else {}
    return ', '.join(f'{name}: {given[name]}' for name in told if given.get(name))


def _flags(arguments: Arguments) -> str:
    return ', '.join(name.replace('_', ' ') for name, value in arguments.items() if value is True)


def _restore_elsewhere(arguments: Arguments, backup: Any) -> bool:
    """Whether a restore goes anywhere but to where the files came from, or deletes what is there."""
    fields = arguments.get('fields')
    if not isinstance(fields, Mapping):
        return True
    asked = {name: value for name, value in fields.items() if value is not None and value is not False}
    if asked.get('client_id') == getattr(backup, 'client_id', None):
        asked.pop('client_id', None)
    return not asked.keys() <= AT_ITS_PLACE


def _restore_details(arguments: Arguments) -> str:
    fields = arguments.get('fields')
    if not isinstance(fields, Mapping):
        return ''
    told = ('dry_run', 'delete', 'to_server', 'client_id', 'restore_path', 'paths')
    return ', '.join(_said(name, fields[name]) for name in told if fields.get(name))


def _said(name: str, value: object) -> str:
    words = name.replace('_', ' ')
    if value is True:
        return words
    return f'{words}: {", ".join(map(str, value)) if isinstance(value, list) else value}'


def _paths(arguments: Arguments) -> str:
    paths = arguments.get('paths') or arguments.get('path')
    return str(paths) if isinstance(paths, str) else ', '.join(map(str, paths or ()))


def _really(arguments: Arguments, _record: Any) -> bool:
    fields = arguments.get('fields')
    return not (isinstance(fields, Mapping) and fields.get('dry_run') is True)


def _sealed(arguments: Arguments) -> str:
    fields = arguments.get('fields')
    return (
        'with sealed secrets'
        if isinstance(fields, Mapping) and fields.get('passphrase')
        else 'without secrets'
    )


def _readings(service: str, names: str) -> dict[str, Right]:
    return {f'{service}.{name}': Right(scope=READ) for name in names.split()}


# Contents of files (downloads, previews, differences of texts) leave the server by an admin's hand alone; names do not.
RIGHTS: Mapping[str, Right] = {
    **_readings('clients', 'all plain get'),
    'configuration.export': Right(action='configuration.export', details=_sealed),
    'configuration.take_in': Right(action='configuration.import', told=_really),
    'clients.create': Right(action='client.create', details=_fields),
    'clients.update': Right(action='client.change', details=_fields),
    'clients.delete': Right(action='client.delete', details=_flags),
    'clients.test': Right(scope=RUN, action='client.test'),
    'clients.try_fields': Right(action='client.try', details=_fields),
    'clients.trust': Right(action='client.trust', details=lambda given: str(given.get('fingerprint', ''))),
    'clients.install_key': Right(action='client.install-key'),
    'clients.browse': Right(scope=RUN),
    **_readings('jobs', 'all page plain_page get history preview_schedule overdue zone_of'),
    'jobs.create': Right(action='job.create', details=_fields),
    'jobs.update': Right(action='job.change', details=_fields),
    'jobs.delete': Right(action='job.delete', details=_flags),
    'jobs.run': Right(scope=RUN, action='job.run'),
    **_readings('backups', 'page plain_page get log log_tail timeline files diff versions hold_snapshots'),
    'backups.edit': Right(scope=RUN, action='backup.change', details=_fields),
    'backups.delete': Right(action='backup.delete'),
    'backups.cancel': Right(scope=RUN, action='backup.cancel'),
    'backups.download': Right(action='backup.download', details=_paths),
    'backups.preview': Right(action='backup.preview', details=_paths),
    'backups.image': Right(action='backup.preview', details=_paths),
    'backups.text_diff': Right(action='backup.preview', details=_paths),
    **_readings('restores', 'page history get log log_tail'),
    'restores.start': Right(scope=RUN, action='restore.start', stricter=_restore_elsewhere, details=_restore_details),
    'restores.undo': Right(action='restore.undo'),
    'restores.cancel': Right(scope=RUN, action='restore.cancel'),
    **_readings('verifications', 'page get log log_tail of_backup'),
    'verifications.start': Right(scope=RUN, action='backup.verify'),
    'verifications.cancel': Right(scope=RUN, action='verify.cancel'),
    'retention.prune': Right(scope=READ, action='job.prune', stricter=_really, told=_really),
    'search.find': Right(scope=READ),
    **_readings('system', 'stats lately sizes storage public_key'),
    **_readings('metrics', 'text content_type'),
    'system.version': Right(scope=None),
    'system.health': Right(scope=None),
    'accounts.has_users': Right(scope=None),
    'accounts.first_start_code': Right(scope=None),
    'accounts.create_first_user': Right(scope=None, action='user.create', who=lambda _house, _given: 'admin'),
    'accounts.login': Right(scope=None, action='login', who=_typed_name),
    'accounts.login_code': Right(scope=None, action='login', who=_ticket_name),
    'accounts.ticket_open': Right(scope=None),
    'accounts.logout': Right(scope=None, action='logout'),
    'accounts.session_actor': Right(scope=None),
    'accounts.when_session_ends': Right(scope=None),
    'accounts.enter_window': Right(scope=None, action='login', who=lambda _house, _given: 'local'),
    'accounts.theme': Right(scope=READ),
    'accounts.set_theme': Right(scope=READ, own=True),
    'accounts.change_password': Right(scope=READ, action='user.password', own=True),
    'accounts.own_user': Right(scope=READ, own=True),
    'accounts.recovery_codes_left': Right(scope=READ, own=True),
    'accounts.begin_second_factor': Right(scope=READ, own=True),
    'accounts.confirm_second_factor': Right(scope=READ, action='user.second-factor-on', own=True),
    'accounts.turn_off_second_factor': Right(scope=READ, action='user.second-factor-off', own=True),
    'accounts.new_recovery_codes': Right(scope=READ, action='user.recovery-codes', own=True),
    'accounts.reset_second_factor': Right(action='user.reset-second-factor'),
    'accounts.own_sessions': Right(scope=READ, own=True),
    'accounts.end_session': Right(scope=READ, action='session.end', own=True),
    'users.all': Right(),
    'users.get': Right(),
    'users.create': Right(action='user.create', details=_role_and_fields),
    'users.update': Right(action='user.change', details=_role_and_fields),
    'users.delete': Right(action='user.delete'),
    'tokens.get': Right(),
    **{f'notifications.{name}': Right() for name in ('all', 'get', 'deliveries', 'settings')},
    'notifications.create': Right(action='notification.create', details=_fields),
    'notifications.update': Right(action='notification.change', details=_fields),
    'notifications.delete': Right(action='notification.delete'),
    'notifications.test': Right(action='notification.test'),
    'notifications.try_fields': Right(action='notification.test', details=_fields),
    'notifications.change_settings': Right(action='settings.change', details=_fields),
    'tokens.all': Right(),
    'tokens.create': Right(action='token.create', details=_scope),
    'tokens.delete': Right(action='token.delete'),
    'secrets.count': Right(),
    'secrets.lost': Right(),
    'audit.page': Right(),
    'audit.actors': Right(),
}  # fmt: skip
UNLISTED = Right(action='other')


def right_to(operation: str) -> Right:
    """Given the name of an operation, like `jobs.run`, return what it needs."""
    known = RIGHTS.get(operation)
    return known or replace(UNLISTED, action=operation)


def allowed(scope: Scope, operation: str) -> bool:
    """Given what somebody may do, return whether an operation belongs to it, whatever its arguments; for pages that hide."""
    needed = right_to(operation).scope
    return needed is None or scope.covers(needed)

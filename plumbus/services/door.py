"""The door that API and pages go through: asks for each operation whether who does it may, and notes it in the audit log."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plumbus.errors import NotLoggedIn, NotPermitted, PlumbusError
from plumbus.model import Actor, Scope, present_actor
from plumbus.services.audit import Audit
from plumbus.services.rights import Right, allowed, right_to
from plumbus.services.second_factor import CodeNeeded

NAMES = ('name', 'username', 'job_name')
NO_LOGIN = NotLoggedIn('You are not logged in.', 'Log in and try again.')
PASSED_ON = frozenset({'settings', 'events'})
KINDS = {'verifications': 'verify', 'retention': 'job'}
WHOSE = {
    'accounts.reset_second_factor': 'user',
    'restores.start': 'backup',
    'verifications.start': 'backup',
    'backups.versions': 'job',
}


class Door:
    """Looks like what it leads to. Each part of that which is asked for comes guarded."""

    def __init__(self, house: Any, audit: Audit) -> None:
        self._house = house
        self._audit = audit

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._house, name)
        return part if name in PASSED_ON else Guarded(name, part, self._house, self._audit)


class Guarded:
    """One part of the house. What is not in the table of rights needs an admin, be it a function or a value."""

    def __init__(self, name: str, part: Any, house: Any, audit: Audit) -> None:
        self._name, self._part, self._house, self._audit = name, part, house, audit

    def __getattr__(self, name: str) -> Any:
        operation = f'{self._name}.{name}'
        value = getattr(self._part, name)
        if callable(value):
            return self._guarded(operation, value)
        require(right_to(operation), {}, None)
        return value

    def _guarded(self, operation: str, function: Callable[..., Any]) -> Callable[..., Any]:
        right = right_to(operation)

        @functools.wraps(function)
        def asked(*args: Any, **kwargs: Any) -> Any:
            given = _by_name(function, args, kwargs)
            about = About(
                operation, right, given, self._record(operation, right, given),
                right.who(self._house, given) if right.who else '',
            )  # fmt: skip
            try:
                require(right, given, about.record)
                result = function(*args, **kwargs)
            except PlumbusError as error:
                about.note(self._audit, error)
                raise
            about.note(self._audit, None, result)
            return result

        return asked

    def _record(self, operation: str, right: Right, given: Mapping[str, Any]) -> Any:
        """Return what the operation is about, as it is before, if anybody wants to know."""
        number = next(iter(given.values()), None)
        if not right.action or isinstance(number, bool) or not isinstance(number, int):
            return None
        noun = WHOSE.get(operation) or KINDS.get(self._name) or self._name.removesuffix('s')
        home = getattr(self._house, f'{noun}s', self._part)
        try:
            return home.get(number) if hasattr(home, 'get') else None
        except PlumbusError:
            return None


@dataclass(frozen=True, slots=True)
class About:
    """One call: what for, with what, on what, and who somebody who logs in says to be."""

    operation: str
    right: Right
    given: Mapping[str, Any]
    record: Any
    newcomer: str

    def note(self, audit: Audit, error: PlumbusError | None, result: Any = None) -> None:
        """Given how it ended, tell the audit log if it wants to know."""
        if isinstance(error, CodeNeeded):  # half a login: the other half tells how it ended
            return
        refused = isinstance(error, NotPermitted) or (
            self.right.scope is None and isinstance(error, NotLoggedIn)
        )
        worth_it = self.right.action and self.right.told(self.given, self.record)
        if not refused and (not worth_it or isinstance(error, NotLoggedIn)):
            return
        audit.record(
            self.right.action or self.operation,
            present_actor() or (self._arrived() if error is None else None),
            address=str(self.given.get('address', '')),
            object=self._object(result),
            details=self.right.details(self.given),
            outcome='done' if error is None else 'refused' if refused else 'failed',
            error='' if error is None else error.message,
        )

    def _arrived(self) -> Actor | None:
        return Actor(name=self.newcomer, kind='user', scope=Scope.READ) if self.newcomer else None

    def _object(self, result: Any) -> str:
        if self.right.who:
            return f'user {self.newcomer}' if self.newcomer else ''
        noun = WHOSE.get(self.operation) or self.right.action.partition('.')[0]
        record = result if self.record is None else self.record
        record = getattr(record, 'token', record)  # a new token comes with its text
        number = getattr(record, 'id', None) or next(iter(self.given.values()), '')
        name = next((getattr(record, name) for name in NAMES if getattr(record, name, None)), '')
        told = (noun, str(number), name) if isinstance(number, int) else (noun, name) if name else ()
        return ' '.join(part for part in told if part)


def require(right: Right, given: Mapping[str, Any], record: Any) -> None:
    """Given an operation, raise NotLoggedIn or NotPermitted unless who asks for it may have it done in this way."""
    if right.scope is None:
        return
    actor = present_actor()
    if actor is None:
        raise NO_LOGIN
    needed = Scope.ADMIN if right.stricter(given, record) else right.scope
    if not actor.scope.covers(needed):
        raise not_permitted(actor, needed)
    if right.own and (actor.kind != 'user' or next(iter(given.values()), None) != actor.name):
        raise NotPermitted('This belongs to another user.', 'Log in as that user.')


def not_permitted(actor: Actor, needed: Scope) -> NotPermitted:
    """Given who lacks what, return the sentence about it."""
    if actor.kind == 'token':
        return NotPermitted(
            f'This token may not do that: its scope is {actor.scope}.', f'Use one with the scope {needed}.'
        )
    return NotPermitted('Your role does not allow this.', 'Ask an admin to do it, or for another role.')


def may(actor: Actor | None, operation: str) -> bool:
    """Given somebody, return whether an operation belongs to what they may do; for pages that hide what does not."""
    return actor is not None and allowed(actor.scope, operation)


def _by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):  # a wrong call: it fails by itself
        return dict(kwargs)

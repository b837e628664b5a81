"""Who does something: a user's browser, a token, a command on the server. Known to the thread or task that does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Scope(StrEnum):
    """What somebody may do; each of them holds those above it."""

    READ = 'read'
    RUN = 'run'
    ADMIN = 'admin'

    def covers(self, needed: 'Scope') -> bool:
        """Whether this is at least as much as what is needed."""
        return SCOPES.index(self) >= SCOPES.index(needed)


class Role(StrEnum):
    """What a user is."""

    VIEWER = 'viewer'
    OPERATOR = 'operator'
    ADMIN = 'admin'

    @property
    def scope(self) -> Scope:
        """What a user of this role may do."""
        return ROLE_SCOPES[self]


SCOPES = tuple(Scope)
ROLE_SCOPES = {Role.VIEWER: Scope.READ, Role.OPERATOR: Scope.RUN, Role.ADMIN: Scope.ADMIN}
ActorKind = Literal['user', 'token', 'command']


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Somebody known. `address` is where the request came from, empty for a command on the server itself."""

    name: str
    kind: ActorKind
    scope: Scope
    address: str = ''


_ACTOR: ContextVar[Actor | None] = ContextVar('actor', default=None)


def present_actor() -> Actor | None:
    """Return on whose behalf this thread or task works; None if nobody has logged in for it."""
    return _ACTOR.get()


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """Work within on behalf of somebody."""
    before = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(before)

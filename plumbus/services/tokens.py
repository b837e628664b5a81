"""Tokens for programs: named, scoped, with an end; shown once, stored as a digest."""

import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotFound, StoreError
from plumbus.events import Changed, EventBus
from plumbus.model import Actor, Record, Scope, checked, present_actor
from plumbus.model.fields import Name
from plumbus.services.digests import digest, new_token
from plumbus.store.database import Database
from plumbus.store.documents import Documents

BEGINNING = 'plumbus_'  # so that scanners for leaked secrets know one when they see it
SETTING = 'PLUMBUS_API_TOKEN'
MOST_TOKENS = 500
TOUCH_EVERY = timedelta(minutes=5)  # each touch is a write to disk, and has open pages look again
RECENT = timedelta(seconds=1)  # so long a token that another process deleted may be used here still


class Token(Record):
    """What is known of a token; not the token itself."""

    name: str
    scope: Scope
    expires_at: AwareDatetime | None = None
    used_at: AwareDatetime | None = None
    created_by: str = ''


class StoredToken(Token):
    """As stored."""

    token_hash: str


class TokenFields(BaseModel):
    """A new token. Without `expires_days` it has no end."""

    name: Name
    scope: Scope = Scope.READ
    expires_days: Annotated[int, Field(ge=1, le=3650)] | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made, with its text, which nobody can see again."""

    token: Token
    text: str


class Tokens:
    """Thread-safe. What another process makes is valid here at once."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        events: EventBus | None = None,
    ) -> None:
        self._database = database
        self._events = events or EventBus()
        self._setting = settings.api_token
        self._clock = clock
        self._tokens = Documents(database, 'tokens', StoredToken, clock)
        self._recent: dict[str, tuple[datetime, Token]] = {}

    def all(self) -> list[Token]:
        """Return every token, the newest first."""
        return [_shown(token) for token in reversed(self._tokens.all())]

    def get(self, token_id: int) -> Token:
        """Given an id, return the token. Raise NotFound."""
        return _shown(self._tokens.get(token_id))

    def create(self, fields: Mapping[str, Any]) -> NewToken:
        """Given name, scope and perhaps an end, make a token. Raise InvalidInput naming what is wrong."""
        entered = checked(TokenFields, fields)
        days, maker, text = entered.expires_days, present_actor(), BEGINNING + new_token()
        token = StoredToken(
            name=entered.name,
            scope=entered.scope,
            expires_at=self._clock() + timedelta(days=days) if days else None,
            created_by=maker.name if maker else '',
            token_hash=digest(text),
        )
        with self._database.transaction():
            others = self._tokens.all()
            if any(other.name == entered.name for other in others):
                raise InvalidInput({'name': 'is the name of another token'})
            if len(others) >= MOST_TOKENS:
                raise Conflict(f'There are {MOST_TOKENS} tokens already.', 'Delete those that nobody uses.')
            return NewToken(_shown(self._tokens.add(token)), text)

    def delete(self, token_id: int) -> None:
        """Given an id, end that token at once. Raise NotFound."""
        self._tokens.remove(token_id)
        self._recent = {}

    def recalled(self, text: str, address: str = '') -> Actor | None:
        """Given what `actor` is given, return what it would, if that is known without a look at the store: this never blocks."""
        if self._is_of_the_settings(text):
            return Actor(name=SETTING, kind='token', scope=Scope.ADMIN, address=address)
        looked, token = self._recent.get(digest(text), (None, None))
        now = self._clock()
        if token is None or looked is None or not looked <= now < looked + RECENT or _has_ended(token, now):
            return None
        return _actor(token, address)

    def actor(self, text: str, address: str = '') -> Actor | None:
        """Given the text of a token and where it comes from, return what it may do; None if it is not valid (any more)."""
        if known := self.recalled(text, address):
            return known
        wanted, recent = (
            digest(text),
            self._recent,
        )  # if one is deleted meanwhile, that takes another one's place
        found = self._tokens.select(lambda raw: bool(raw['token_hash'] == wanted), limit=1).items
        now = self._clock()
        if not found or _has_ended(found[0], now):
            self._recent.pop(wanted, None)
            return None
        token = found[0]
        if token.used_at is None or now - token.used_at > TOUCH_EVERY:
            self._touch(token, now)
        recent[wanted] = now, _shown(token)
        return _actor(token, address)

    def _touch(self, token: StoredToken, now: datetime) -> None:
        with suppress(StoreError, NotFound):
            self._tokens.set(token.id, used_at=now)
            self._events.publish(Changed(noun='token', id=token.id, action='updated'))

    def _is_of_the_settings(self, text: str) -> bool:
        expected = self._setting.get_secret_value() if self._setting else ''
        return bool(expected) and hmac.compare_digest(digest(text), digest(expected))


def _shown(token: StoredToken) -> Token:
    return Token(**token.model_dump(exclude={'token_hash'}))


def _has_ended(token: Token, now: datetime) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _actor(token: Token, address: str) -> Actor:
    return Actor(name=token.name, kind='token', scope=token.scope, address=address)

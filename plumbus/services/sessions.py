"""Browsers that are logged in: how long, from where, and how that ends."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel

from plumbus.config import Settings
from plumbus.errors import NotFound, StoreError
from plumbus.events import Changed, EventBus
from plumbus.model import Record
from plumbus.services.digests import digest, new_token
from plumbus.store.database import Database
from plumbus.store.documents import Documents

TOUCH_EVERY = timedelta(minutes=5)  # each touch is a write to disk
MOST_SESSIONS = 50
LONGEST_BROWSER = 200
Listener = Callable[[str], object]


class Session(Record):
    """A browser that is logged in. Only a digest of its token is stored."""

    token_hash: str
    user_id: int
    used_at: AwareDatetime
    address: str = ''
    browser: str = ''


class SessionView(BaseModel):
    """A login as its owner sees it."""

    id: int
    created_at: AwareDatetime
    used_at: AwareDatetime
    address: str
    browser: str
    present: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a login comes from: the address, and what the browser calls itself."""

    address: str = ''
    browser: str = ''


class Sessions:
    """Thread-safe."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        events: EventBus | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events or EventBus()
        self._listeners: tuple[Listener, ...] = ()
        self._sessions = Documents(database, 'sessions', Session, clock)
        self._lifetime = timedelta(days=settings.session_days)
        self._idle = timedelta(hours=settings.session_idle_hours)

    def open(self, user_id: int, origin: Origin) -> str:
        """Given a user, begin a session and return its token. Too many end the oldest ones."""
        token = new_token()
        session = Session(
            token_hash=digest(token), user_id=user_id, used_at=self._clock(),
            address=origin.address, browser=origin.browser[:LONGEST_BROWSER],
        )  # fmt: skip
        with self._database.transaction():
            for old in self._where('user_id', user_id)[MOST_SESSIONS - 1 :]:
                self._end(old)
            self._sessions.add(session)
        return token

    def on_end(self, listener: Listener) -> None:
        """Given a function, call it from now on with the digest of the token of each session that ends, in any thread."""
        self._listeners = (*self._listeners, listener)

    def find(self, token: str, *, touch: bool = True) -> Session | None:
        """Given a token, return its session; None if it is unknown or too old. With `touch`, note that it is used."""
        found = self._where('token_hash', digest(token))
        if not found:
            return None
        session, now = found[0], self._clock()
        if self._is_over(session, now):
            self._end(session)
            return None
        if touch and now - session.used_at > TOUCH_EVERY:
            with suppress(StoreError, NotFound):  # a full disk shuts nobody out; a logout may come in between
                self._sessions.set(session.id, used_at=now)
                self._events.publish(Changed(noun='session', id=session.id, action='updated'))
        return session

    def of_user(self, user_id: int, token: str = '') -> list[SessionView]:
        """Given a user, return what is open, the newest first; `present` marks the one of a token."""
        now, present = self._clock(), digest(token)
        return [
            SessionView(present=session.token_hash == present, **session.model_dump(include=SHOWN))
            for session in self._where('user_id', user_id)
            if not self._is_over(session, now)
        ]

    def end(self, token: str) -> None:
        """Given a token, end its session if there is one."""
        for session in self._where('token_hash', digest(token)):
            self._end(session)

    def end_one(self, user_id: int, session_id: int) -> None:
        """Given a user and one of that user's sessions, end it. Raise NotFound if it is none of them."""
        session = self._sessions.find(session_id)
        if session is None or session.user_id != user_id:
            raise NotFound('This login has ended already.')
        self._end(session)

    def end_all(self, user_id: int, but: str = '') -> None:
        """Given a user, end every session but the one of a token."""
        kept = digest(but)
        for session in self._where('user_id', user_id):
            if session.token_hash != kept:
                self._end(session)

    def end_everybodys(self) -> None:
        """End every session there is."""
        for session in self._sessions.all():
            self._end(session)

    def _is_over(self, session: Session, now: datetime) -> bool:
        age = now - (session.created_at or now)
        return age > self._lifetime or now - session.used_at > self._idle

    def _where(self, name: str, value: Any) -> list[Session]:
        page = self._sessions.select(lambda raw: bool(raw[name] == value), limit=10 * MOST_SESSIONS)
        return list(page.items)

    def _end(self, session: Session) -> None:
        with suppress(NotFound):
            self._sessions.remove(session.id)
        for listener in self._listeners:
            listener(session.token_hash)


SHOWN = set(SessionView.model_fields) - {'present'}

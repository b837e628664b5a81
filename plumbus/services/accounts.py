"""Who may come in: users with hashed passwords, sessions of browsers, the bearer token, the first-start code."""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AwareDatetime

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotFound, NotLoggedIn, StoreError
from plumbus.model import Record
from plumbus.services.throttle import Throttle
from plumbus.store.database import Database
from plumbus.store.documents import Documents

Theme = Literal['auto', 'light', 'dark']
THEMES = ('auto', 'light', 'dark')
ADMIN = 'admin'
LOCAL = 'local'  # whoever sits before a desktop window, which asks for no login
SESSION_LIFETIME = timedelta(days=30)
IDLE_LIFETIME = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=5)  # each touch is a write to disk
MOST_SESSIONS = 50
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
CODE_LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'  # none that looks like another
log = logging.getLogger(__name__)


class User(Record):
    """Someone who may log in."""

    username: str
    theme: Theme = 'auto'


class Account(User):
    """A user as stored. Without a hash nobody can log in as this user."""

    password_hash: str = ''


class Session(Record):
    """A browser that is logged in. Only a hash of its token is stored."""

    token_hash: str
    user_id: int
    used_at: AwareDatetime


def _now() -> datetime:
    return datetime.now(UTC)


class Accounts:
    """Thread-safe. A login takes the same work whether the user exists or not."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime] = _now,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._users = Documents(database, 'users', Account, clock)
        self._sessions = Documents(database, 'sessions', Session, clock)
        self._hasher = PasswordHasher()
        self._throttle = Throttle(timer)
        self._code = f'{_random_word(4)}-{_random_word(4)}'

    def prepare(self) -> None:
        """At the start: make the user `admin` from the settings, or tell the first-start code in the log."""
        if self.has_users():
            return
        if self._settings.admin_password:
            self._set_password(ADMIN, self._settings.admin_password.get_secret_value())
            log.info('The user %s was created with the password of PLUMBUS_ADMIN_PASSWORD', ADMIN)
        else:
            log.warning('No password is set yet. Open the web page and set it with the code %s', self._code)

    def has_users(self) -> bool:
        """Whether anybody can log in yet."""
        return self._users.count(lambda raw: bool(raw['password_hash'])) > 0

    @property
    def first_start_code(self) -> str:
        """What proves at the first visit that one can read the log; empty once there is a user."""
        return '' if self.has_users() else self._code

    def create_first_user(self, code: str, password: str, *, loopback: bool, address: str = '') -> str:
        """Given the first-start code (not needed on loopback), create `admin` and return a session token.

        Raise Conflict if there is a user, NotLoggedIn for a wrong code, InvalidInput for a weak password.
        """
        if not loopback:
            self._check_code(code, f'setup:{address}')
        _check_strength(password)
        with self._database.transaction():
            if self.has_users():
                raise Conflict('The password has been set already.', 'Log in with it.')
            account = self._set_password(ADMIN, password)
        log.info('The user %s was created', ADMIN)
        return self._open_session(account)

    def login(self, username: str, password: str, address: str = '') -> str:
        """Given name and password and where they come from, return a session token.

        Raise NotLoggedIn if they are wrong, TooManyTries after several wrong ones.
        """
        place = f'login:{address}'
        self._throttle.enter(place)
        account = self._account(username)
        if not self._matches(account, password) or account is None:
            log.warning('Somebody failed to log in (from %s)', address or 'an unknown address')
            raise NotLoggedIn('The user name or the password is wrong.')
        self._throttle.succeeded(place)
        return self._open_session(account)

    def session_user(self, token: str) -> User | None:
        """Given a session token, return its user, or None if it is unknown or too old."""
        session = self._session(token)
        if session is None:
            return None
        now = self._clock()
        if now - (session.created_at or now) > SESSION_LIFETIME or now - session.used_at > IDLE_LIFETIME:
            self._end(session)
            return None
        if now - session.used_at > TOUCH_EVERY:
            with suppress(StoreError, NotFound):  # a full disk shuts nobody out; a logout may come in between
                self._sessions.set(session.id, used_at=now)
        account = self._users.find(session.user_id)
        return User(**account.model_dump(exclude={'password_hash'})) if account else None

    def logout(self, token: str) -> None:
        """Given a session token, end its session if there is one."""
        if session := self._session(token):
            self._end(session)

    def change_password(self, username: str, old: str, new: str, keep_token: str = '') -> None:
        """Given the old password, set a new one and end all sessions but the one of `keep_token`.

        Raise InvalidInput naming `old` or `new`, TooManyTries after several wrong ones.
        """
        place = f'change:{username}'
        self._throttle.enter(place)
        if not self._matches(self._account(username), old):
            raise InvalidInput({'old': 'is not your present password'})
        self._throttle.succeeded(place)
        _check_strength(new, 'new')
        account = self._set_password(username, new)
        kept = _digest(keep_token).hex()
        for session in self._sessions_where('user_id', account.id):
            if session.token_hash != kept:
                self._end(session)

    def reset_password(self, new: str) -> None:
        """Given a password for the user `admin`, set it without the old one, and end every session of everybody.

        For whoever may run commands on the server. Raise InvalidInput if it is weak.
        """
        _check_strength(new)
        with self._database.transaction():
            self._set_password(ADMIN, new)
            for session in self._sessions.all():
                self._end(session)

    def token_valid(self, bearer: str) -> bool:
        """Given a bearer token, return whether it is a known one; the time taken tells nothing about it."""
        expected = self._settings.api_token
        if expected is None or not expected.get_secret_value():
            return False
        return hmac.compare_digest(_digest(bearer), _digest(expected.get_secret_value()))

    def local_user(self) -> User:
        """Return the user of a desktop window, who has no password."""
        if known := self._account(LOCAL):
            return known
        with self._database.transaction():
            return self._account(LOCAL) or self._users.add(Account(username=LOCAL))

    def theme(self, username: str) -> Theme:
        """Given a user's name, return the colours that user chose."""
        account = self._account(username)
        return account.theme if account else 'auto'

    def set_theme(self, username: str, theme: Theme) -> None:
        """Given a user's name, remember the colours. Raise InvalidInput, or NotFound if there is no such user."""
        if theme not in THEMES:
            raise InvalidInput({'theme': f'must be one of {", ".join(THEMES)}'})
        account = self._account(username)
        if account is None:
            raise NotFound(f'There is no user {username}.')
        self._users.set(account.id, theme=theme)

    def _account(self, username: str) -> Account | None:
        found = self._users.select(lambda raw: bool(raw['username'] == username), limit=1).items
        return found[0] if found else None

    def _matches(self, account: Account | None, password: str) -> bool:
        given = _as_bytes(password)
        if account is None or not account.password_hash:
            self._hasher.hash(given)  # as much work as a comparison
            return False
        try:
            self._hasher.verify(account.password_hash, given)
        except (VerificationError, InvalidHashError):
            return False
        if self._hasher.check_needs_rehash(account.password_hash):
            self._users.set(account.id, password_hash=self._hasher.hash(given))
        return True

    def _set_password(self, username: str, password: str) -> Account:
        password_hash = self._hasher.hash(_as_bytes(password))
        if account := self._account(username):
            return self._users.set(account.id, password_hash=password_hash)
        return self._users.add(Account(username=username, password_hash=password_hash))

    def _check_code(self, code: str, place: str) -> None:
        self._throttle.enter(place)
        typed = ''.join(char for char in code.upper() if char.isalnum())
        if not hmac.compare_digest(_digest(typed), _digest(self._code.replace('-', ''))):
            raise NotLoggedIn('The code is wrong.', 'It stands in the log of PLUMBUS since its last start.')
        self._throttle.succeeded(place)

    def _open_session(self, account: Account) -> str:
        token = secrets.token_urlsafe(32)
        with self._database.transaction():
            for session in self._sessions_where('user_id', account.id)[MOST_SESSIONS - 1 :]:
                self._end(session)
            self._sessions.add(
                Session(token_hash=_digest(token).hex(), user_id=account.id, used_at=self._clock())
            )
        return token

    def _session(self, token: str) -> Session | None:
        found = self._sessions_where('token_hash', _digest(token).hex())
        return found[0] if found else None

    def _sessions_where(self, name: str, value: Any) -> list[Session]:
        page = self._sessions.select(lambda raw: bool(raw[name] == value), limit=10 * MOST_SESSIONS)
        return list(page.items)

    def _end(self, session: Session) -> None:
        with suppress(NotFound):
            self._sessions.remove(session.id)


def _as_bytes(password: str) -> bytes:
    return password[:LONGEST_PASSWORD].encode('utf-8', 'surrogatepass')


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).digest()


def _random_word(length: int) -> str:
    return ''.join(secrets.choice(CODE_LETTERS) for _ in range(length))


def _check_strength(password: str, name: str = 'password') -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput({name: f'must have at least {SHORTEST_PASSWORD} characters'})
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput({name: f'must have at most {LONGEST_PASSWORD} characters'})

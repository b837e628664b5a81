"""The users: names, roles, hashed passwords; and their administration."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AwareDatetime, BaseModel

from plumbus.errors import Conflict, InvalidInput, NotFound
from plumbus.model import Record, Role, checked
from plumbus.model.fields import LoginName
from plumbus.services.records import revision_of
from plumbus.services.sessions import Sessions
from plumbus.store.database import Database
from plumbus.store.documents import Documents

Theme = Literal['auto', 'light', 'dark']
ADMIN = 'admin'
LOCAL = 'local'  # whoever sits before a desktop window, which asks for no password
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
MOST_USERS = 500


class User(Record):
    """Someone who may log in."""

    username: str
    role: Role = Role.VIEWER
    theme: Theme = 'auto'
    has_second_factor: bool = False
    last_login: AwareDatetime | None = None


class Account(User):
    """A user as stored. Without a hash nobody can log in as this user."""

    password_hash: str = ''
    totp_step: int = 0  # of the last code that was accepted
    recovery_digests: list[str] = []


class UserFields(BaseModel):
    """A new user."""

    username: LoginName
    role: Role = Role.VIEWER
    password: str


class UserChanges(BaseModel):
    """What an admin changes of a user."""

    role: Role | None = None
    password: str | None = None


class Users:
    """Thread-safe. A comparison of a password takes the same work whether the user exists or not."""

    def __init__(self, database: Database, sessions: Sessions, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._sessions = sessions
        self.accounts = Documents(database, 'users', Account, clock)
        self._hasher = PasswordHasher()

    def all(self) -> list[User]:
        """Return everybody who can log in, by name."""
        people = [shown(account) for account in self.accounts.all() if account.password_hash]
        return sorted(people, key=lambda user: user.username)

    def get(self, user_id: int) -> User:
        """Given an id, return the user. Raise NotFound."""
        account = self.accounts.find(user_id)
        if account is None or not account.password_hash:
            raise NotFound(f'There is no user {user_id}.')
        return shown(account)

    def create(self, fields: Mapping[str, Any]) -> User:
        """Given name, role and password, store a user. Raise InvalidInput naming what is wrong."""
        entered = checked(UserFields, fields)
        check_strength(entered.password)
        password_hash = self.hashed(entered.password)
        with self._database.transaction():
            if entered.username == LOCAL or self.find(entered.username):
                raise InvalidInput({'username': 'is taken already'})
            if self.accounts.count() >= MOST_USERS:
                raise Conflict(f'There are {MOST_USERS} users already.', 'Delete some first.')
            account = Account(username=entered.username, role=entered.role, password_hash=password_hash)
            return shown(self.accounts.add(account))

    def update(self, user_id: int, fields: Mapping[str, Any]) -> User:
        """Given another role or password, change it; a new password ends the user's sessions.

        Raise NotFound, InvalidInput, or Conflict if the last admin would be gone.
        """
        entered = checked(UserChanges, fields)
        changes: dict[str, Any] = {}
        if entered.password is not None:
            check_strength(entered.password)
            changes['password_hash'] = self.hashed(entered.password)
        with self._database.transaction():
            user = self.get(user_id)
            if entered.role is not None and entered.role != user.role:
                self._keep_an_admin(user)
                changes['role'] = entered.role
            account = self.accounts.edit(user_id, changes, revision_of(fields))
        if 'password_hash' in changes:
            self._sessions.end_all(user_id)
        return shown(account)

    def delete(self, user_id: int) -> None:
        """Given a user, forget them and end their sessions. Raise NotFound, or Conflict for the last admin."""
        with self._database.transaction():
            self._keep_an_admin(self.get(user_id))
            self.accounts.remove(user_id)
        self._sessions.end_all(user_id)

    def find(self, username: str) -> Account | None:
        """Given a name, return the account, or None."""
        found = self.accounts.select(lambda raw: bool(raw['username'] == username), limit=1).items
        return found[0] if found else None

    def matches(self, account: Account | None, password: str) -> bool:
        """Given an account, or none, and a password, return whether they belong together."""
        given = _as_bytes(password)
        if account is None or not account.password_hash:
            self._hasher.hash(given)  # as much work as a comparison
            return False
        try:
            self._hasher.verify(account.password_hash, given)
        except (VerificationError, InvalidHashError):
            return False
        if self._hasher.check_needs_rehash(account.password_hash):
            self.accounts.set(account.id, password_hash=self._hasher.hash(given))
        return True

    def set_password(self, username: str, password: str, role: Role = Role.ADMIN) -> Account:
        """Given a name and a password, store it; a user who is not there yet gets the role."""
        password_hash = self.hashed(password)
        if account := self.find(username):
            return self.accounts.set(account.id, password_hash=password_hash)
        return self.accounts.add(Account(username=username, role=role, password_hash=password_hash))

    def hashed(self, password: str) -> str:
        """Given a password, return its hash."""
        return self._hasher.hash(_as_bytes(password))

    def admins(self) -> int:
        """Return how many admins can log in."""
        return self.accounts.count(lambda raw: bool(raw['password_hash']) and raw.get('role') == Role.ADMIN)

    def _keep_an_admin(self, user: User) -> None:
        if user.role == Role.ADMIN and self.admins() == 1:
            raise Conflict(f'{user.username} is the last admin.', 'Make somebody else an admin first.')


def shown(account: Account) -> User:
    """Given an account, return what may be shown of it."""
    return User(**account.model_dump(include=set(User.model_fields)))


def check_strength(password: str, name: str = 'password') -> None:
    """Given a new password, raise InvalidInput naming the field if it is too short or too long."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput({name: f'must have at least {SHORTEST_PASSWORD} characters'})
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput({name: f'must have at most {LONGEST_PASSWORD} characters'})


def _as_bytes(password: str) -> bytes:
    return password[:LONGEST_PASSWORD].encode('utf-8', 'surrogatepass')

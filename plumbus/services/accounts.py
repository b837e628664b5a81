"""Who may come in: logins with a password, the first start, the desktop window, and what users set for themselves."""

import hmac
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotFound, NotLoggedIn, StoreError
from plumbus.events import EventBus
from plumbus.model import Actor, Role
from plumbus.services.digests import digest, new_code, new_token, typed
from plumbus.services.second_factor import SecondFactor, Setup
from plumbus.services.sessions import Origin, Sessions, SessionView
from plumbus.services.throttle import Throttle
from plumbus.services.users import ADMIN, LOCAL, Account, Theme, User, Users, check_strength, shown
from plumbus.store.database import Database
from plumbus.store.vault import Vault

THEMES = ('auto', 'light', 'dark')
WINDOW_SECRET_S = 300.0  # a slow machine takes its time to open a window
log = logging.getLogger(__name__)


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
        vault: Vault | None = None,
        *,
        events: EventBus | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._timer = timer
        self.sessions = Sessions(database, settings, clock, events)
        self.users = Users(database, self.sessions, clock)
        self.second_factor = SecondFactor(self.users, vault, clock, timer) if vault else None
        self._throttle = Throttle(timer)
        self._code = new_code(2)
        self._window_secret = ('', 0.0)

    def prepare(self) -> None:
        """At the start: make the user `admin` from the settings, or tell the first-start code in the log."""
        if self.has_users():
            self._have_an_admin()
        elif self._settings.admin_password:
            self.users.set_password(ADMIN, self._settings.admin_password.get_secret_value())
            log.info('The user %s was created with the password of PLUMBUS_ADMIN_PASSWORD', ADMIN)
        else:
            log.warning('No password is set yet. Open the web page and set it with the code %s', self._code)

    def has_users(self) -> bool:
        """Whether anybody can log in yet."""
        return self.users.accounts.count(lambda raw: bool(raw['password_hash'])) > 0

    @property
    def first_start_code(self) -> str:
        """What proves at the first visit that one can read the log; empty once there is a user."""
        return '' if self.has_users() else self._code

    def create_first_user(
        self, code: str, password: str, *, loopback: bool, address: str = '', browser: str = ''
    ) -> str:
        """Given the first-start code (not needed on loopback), create `admin` and return a session token.

        Raise Conflict if there is a user, NotLoggedIn for a wrong code, InvalidInput for a weak password.
        """
        if not loopback:
            self._check_code(code, f'setup:{address}')
        check_strength(password)
        with self._database.transaction():
            if self.has_users():
                raise Conflict('The password has been set already.', 'Log in with it.')
            account = self.users.set_password(ADMIN, password)
        log.info('The user %s was created', ADMIN)
        return self._welcome(account, Origin(address=address, browser=browser))

    def login(self, username: str, password: str, address: str = '', browser: str = '') -> str:
        """Given name and password and where they come from, return a session token.

        Raise NotLoggedIn if they are wrong, TooManyTries after several wrong ones, CodeNeeded if there is a second factor.
        """
        place = f'login:{address}'
        self._throttle.enter(place)
        account = self.users.find(username)
        if not self.users.matches(account, password) or account is None:
            log.warning('Somebody failed to log in (from %s)', address or 'an unknown address')
            raise NotLoggedIn('The user name or the password is wrong.')
        self._throttle.succeeded(place)
        origin = Origin(address=address, browser=browser)
        if account.has_second_factor:
            raise self._factor().ask(account, origin)
        return self._welcome(account, origin)

    def login_code(self, ticket: str, code: str, address: str = '') -> str:  # noqa: ARG002 -- for the audit log
        """Given what `login` left and a code of the second factor, return a session token.

        Raise NotLoggedIn if it is wrong or was used already, TooManyTries after several wrong ones.
        """
        account, origin = self._factor().admit(ticket, code)
        return self._welcome(account, origin)

    def ticket_name(self, ticket: str) -> str:
        """Given what `login` left, return whose it is; empty if it is unknown or too old."""
        account = self._factor().holder(ticket)
        return account.username if account else ''

    def ticket_open(self, ticket: str) -> bool:
        """Given what `login` left, return whether a code for it is still taken."""
        return bool(ticket) and bool(self.ticket_name(ticket))

    def begin_second_factor(self, username: str, password: str) -> Setup:
        """Given a user's own password again, return what to tell an app. Raise InvalidInput, TooManyTries or Conflict."""
        self.confirm_password(username, password)
        return self._factor().begin(username)

    def confirm_second_factor(self, username: str, code: str) -> list[str]:
        """Given the first code of the app, turn the second factor on and return the recovery codes. Raise InvalidInput."""
        return self._factor().confirm(username, code)

    def new_recovery_codes(self, username: str, password: str) -> list[str]:
        """Given a user's own password again, return recovery codes in place of the old ones. Raise InvalidInput."""
        self.confirm_password(username, password)
        return self._factor().new_recovery_codes(username)

    def turn_off_second_factor(self, username: str, password: str) -> None:
        """Given a user's own password again, let the password alone be enough. Raise InvalidInput or TooManyTries."""
        self.confirm_password(username, password)
        account = self.users.find(username)
        self._factor().turn_off(account.id if account else 0)

    def reset_second_factor(self, user_id: int) -> None:
        """Given a user who has lost phone and recovery codes, let the password alone be enough; logins end. Raise NotFound."""
        self._factor().turn_off(user_id)
        self.sessions.end_all(user_id)

    def own_user(self, username: str) -> User:
        """Given a user's name, return that user. Raise NotFound."""
        account = self.users.find(username)
        if account is None:
            raise NotFound(f'There is no user {username}.')
        return shown(account)

    def recovery_codes_left(self, username: str) -> int:
        """Given a user, return how many recovery codes were not used yet."""
        return self._factor().recovery_codes_left(username)

    def known_name(self, username: str) -> str:
        """Given what somebody typed as a name, return it if it is one: it might be a password in the wrong field."""
        return username if self.users.find(username) else ''

    def session_user(self, token: str, *, touch: bool = True) -> User | None:
        """Given a session token, return its user, or None if it is unknown or too old. With `touch`, it counts as used."""
        session = self.sessions.find(token, touch=touch) if token else None
        account = self.users.accounts.find(session.user_id) if session else None
        return shown(account) if account else None

    def session_actor(self, token: str, address: str = '', *, touch: bool = True) -> Actor | None:
        """Given a session token and where it comes from, return who that is and may do what; None if it is no session."""
        user = self.session_user(token, touch=touch)
        if user is None:
            return None
        return Actor(name=user.username, kind='user', scope=user.role.scope, address=address)

    def when_session_ends(self, listener: Callable[[str], object]) -> None:
        """Given a function, call it from now on with the digest of the token of each session that ends, in any thread."""
        self.sessions.on_end(listener)

    def logout(self, token: str) -> None:
        """Given a session token, end its session if there is one."""
        self.sessions.end(token)

    def own_sessions(self, username: str, token: str = '') -> list[SessionView]:
        """Given a user, return where that user is logged in, the newest first."""
        account = self.users.find(username)
        return self.sessions.of_user(account.id, token) if account else []

    def end_session(self, username: str, session_id: int) -> None:
        """Given a user and one of that user's logins, end it. Raise NotFound."""
        account = self.users.find(username)
        self.sessions.end_one(account.id if account else 0, session_id)

    def change_password(self, username: str, old: str, new: str, keep_token: str = '') -> None:
        """Given the old password, set a new one and end all sessions but the one of `keep_token`.

        Raise InvalidInput naming `old` or `new`, TooManyTries after several wrong ones.
        """
        self.confirm_password(username, old, 'old')
        check_strength(new, 'new')
        account = self.users.set_password(username, new)
        self.sessions.end_all(account.id, but=keep_token)

    def confirm_password(self, username: str, password: str, field: str = 'password') -> None:
        """Given a user's own password again, return if it is right. Raise InvalidInput naming the field, or TooManyTries."""
        place = f'change:{username}'
        self._throttle.enter(place)
        if not self.users.matches(self.users.find(username), password):
            raise InvalidInput({field: 'is not your present password'})
        self._throttle.succeeded(place)

    def reset_password(self, new: str, *, keep_second_factor: bool = True) -> None:
        """Given a password for the user `admin`, set it without the old one, and end every session of everybody.

        For whoever may run commands on the server. Raise InvalidInput if it is weak.
        """
        check_strength(new)
        with self._database.transaction():
            account = self.users.set_password(ADMIN, new)
            self.users.accounts.set(account.id, role=Role.ADMIN)
            if not keep_second_factor:
                self.users.accounts.set(account.id, has_second_factor=False, recovery_digests=[])
            self.sessions.end_everybodys()

    def make_window_secret(self) -> str:
        """Return what lets one desktop window in, once and soon."""
        self._window_secret = (new_token(), self._timer() + WINDOW_SECRET_S)
        return self._window_secret[0]

    def enter_window(self, secret: str, address: str = '', browser: str = '') -> str:
        """Given the secret of a desktop window, return a session token. Raise NotLoggedIn if it is wrong, used or old."""
        with self._database.lock:
            expected, until = self._window_secret
            right = bool(expected) and hmac.compare_digest(digest(secret), digest(expected))
            if not right or self._timer() > until:
                raise NotLoggedIn('This way in is closed.', 'Start PLUMBUS again with --native.')
            self._window_secret = ('', 0.0)
        return self._welcome(self._local_account(), Origin(address=address, browser=browser))

    def theme(self, username: str) -> Theme:
        """Given a user's name, return the colours that user chose."""
        account = self.users.find(username)
        return account.theme if account else 'auto'

    def set_theme(self, username: str, theme: Theme) -> None:
        """Given a user's name, remember the colours. Raise InvalidInput, or NotFound if there is no such user."""
        if theme not in THEMES:
            raise InvalidInput({'theme': f'must be one of {", ".join(THEMES)}'})
        account = self.users.find(username)
        if account is None:
            raise NotFound(f'There is no user {username}.')
        self.users.accounts.set(account.id, theme=theme)

    def _factor(self) -> SecondFactor:
        if self.second_factor is None:
            raise StoreError('The second factor needs the secret key.', 'Log in on the web page.')
        return self.second_factor

    def _local_account(self) -> Account:
        with self._database.transaction():
            known = self.users.find(LOCAL)
            return known or self.users.accounts.add(Account(username=LOCAL, role=Role.ADMIN))

    def _have_an_admin(self) -> None:
        """Users of before there were roles have none: the user `admin` was the only one."""
        account = self.users.find(ADMIN)
        if self.users.admins() == 0 and account is not None:
            self.users.accounts.set(account.id, role=Role.ADMIN)
            log.warning('No admin was left: the user %s is one now', ADMIN)

    def _check_code(self, code: str, place: str) -> None:
        self._throttle.enter(place)
        if not hmac.compare_digest(digest(typed(code)), digest(typed(self._code))):
            raise NotLoggedIn('The code is wrong.', 'It stands in the log of PLUMBUS since its last start.')
        self._throttle.succeeded(place)

    def _welcome(self, account: Account, origin: Origin) -> str:
        self.users.accounts.set(account.id, last_login=self._clock())
        return self.sessions.open(account.id, origin)

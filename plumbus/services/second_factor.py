"""The second factor: six digits of an app (TOTP, RFC 6238), or one of the recovery codes, each of which works once."""

import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyotp

from plumbus.errors import Conflict, InvalidInput, NotFound, NotLoggedIn, PlumbusError, StoreError
from plumbus.services.digests import digest, new_code, new_token, typed
from plumbus.services.sessions import Origin
from plumbus.services.throttle import Throttle
from plumbus.services.users import Account, Users
from plumbus.store.vault import Vault

STEP_S = 30
DRIFT_STEPS = (-1, 0, 1)  # clocks of phones are not exact
RECOVERY_CODES = 10
RECOVERY_GROUPS = 4  # 78 bits: no digest of it can be guessed
TICKET_S = 300.0
MOST_TICKETS = 1000
SEED, PENDING = 'second factor', 'second factor to be'
ISSUER = 'PLUMBUS'
log = logging.getLogger(__name__)


class CodeNeeded(PlumbusError):
    """The password is right; `ticket` stands for that until the code of the second factor comes."""

    def __init__(self, ticket: str) -> None:
        super().__init__(
            'A code of your second factor is needed.', 'Look at your app, or use a recovery code.'
        )
        self.ticket = ticket


@dataclass(frozen=True, slots=True)
class Setup:
    """What an app needs to know: the seed to type, or all of it as an address for a QR code."""

    seed: str
    address: str


@dataclass(frozen=True, slots=True)
class _Ticket:
    user_id: int
    origin: Origin
    until_s: float


class SecondFactor:
    """Thread-safe. Its seeds lie in the vault, of recovery codes the digests with the user."""

    def __init__(
        self,
        users: Users,
        vault: Vault,
        clock: Callable[[], datetime],
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._vault = vault
        self._clock = clock
        self._timer = timer
        self._throttle = Throttle(timer)
        self._tickets: dict[str, _Ticket] = {}

    def begin(self, username: str) -> Setup:
        """Given a user who has none, return what to tell an app. Nothing changes until `confirm`. Raise Conflict."""
        account = self._account(username)
        if account.has_second_factor:
            raise Conflict('Your second factor is set up already.', 'Turn it off first.')
        seed = pyotp.random_base32()
        self._vault.put(_owner(account), PENDING, seed)
        return Setup(seed, pyotp.TOTP(seed).provisioning_uri(name=username, issuer_name=ISSUER))

    def confirm(self, username: str, code: str) -> list[str]:
        """Given the first code that the app shows, turn it on and return the recovery codes, which nobody sees again.

        Raise InvalidInput if the code is wrong, Conflict if nothing was begun.
        """
        account = self._account(username)
        seed = self._vault.get(_owner(account), PENDING)
        if seed is None:
            raise Conflict('The set-up of the second factor was not begun.', 'Begin it again.')
        step = self._step_of(seed, code)
        if step is None:
            raise InvalidInput(
                {'code': 'is not what the app should show now; is the clock of the phone right?'}
            )
        codes, digests = _recovery_codes()
        with self._users.accounts.transaction():
            self._vault.put(_owner(account), SEED, seed)
            self._vault.forget(_owner(account), PENDING)
            self._users.accounts.set(
                account.id, has_second_factor=True, totp_step=step, recovery_digests=digests
            )
        return codes

    def new_recovery_codes(self, username: str) -> list[str]:
        """Given a user, return other recovery codes; the old ones work no more. Raise Conflict without a second factor."""
        account = self._account(username)
        if not account.has_second_factor:
            raise Conflict('There is no second factor.', 'Set it up first.')
        codes, digests = _recovery_codes()
        self._users.accounts.set(account.id, recovery_digests=digests)
        return codes

    def recovery_codes_left(self, username: str) -> int:
        """Given a user, return how many recovery codes were not used yet."""
        return len(self._account(username).recovery_digests)

    def turn_off(self, user_id: int) -> None:
        """Given a user, forget the second factor, so that the password is enough. Raise NotFound."""
        with self._users.accounts.transaction():
            self._users.get(user_id)
            self._users.accounts.set(user_id, has_second_factor=False, totp_step=0, recovery_digests=[])
            self._vault.forget(f'user:{user_id}')

    def ask(self, account: Account, origin: Origin) -> CodeNeeded:
        """Given a user whose password was right, return what to raise; its ticket lasts five minutes."""
        now, ticket = self._timer(), new_token()
        kept = {name: one for name, one in self._tickets.items() if one.until_s > now}
        kept[digest(ticket)] = _Ticket(account.id, origin, now + TICKET_S)
        self._tickets = dict(list(kept.items())[-MOST_TICKETS:])
        return CodeNeeded(ticket)

    def holder(self, ticket: str) -> Account | None:
        """Given a ticket, return whose password was right; None if it is unknown or too old."""
        known = self._tickets.get(digest(ticket))
        if known is None or known.until_s <= self._timer():
            return None
        return self._users.accounts.find(known.user_id)

    def admit(self, ticket: str, code: str) -> tuple[Account, Origin]:
        """Given a ticket and a code, return who may come in and from where; code and ticket work no more then.

        Raise NotLoggedIn if one of them is wrong or was used, TooManyTries after several wrong ones.
        """
        account = self.holder(ticket)
        if account is None:
            raise NotLoggedIn('This took too long.', 'Log in again.')
        place = f'code:{account.id}'
        self._throttle.enter(place)
        if not (self._use_code(account.id, code) or self._use_recovery_code(account.id, code)):
            log.warning('Somebody who knows the password of %s came with a wrong code', account.username)
            raise NotLoggedIn('The code is wrong, or was used already.', 'Wait for the next one of your app.')
        self._throttle.succeeded(place)
        known = self._tickets.pop(digest(ticket), None)
        if known is None:  # another request was quicker
            raise NotLoggedIn('This took too long.', 'Log in again.')
        return account, known.origin

    def _use_code(self, user_id: int, code: str) -> bool:
        try:
            seed = self._vault.get(f'user:{user_id}', SEED)
        except StoreError as error:
            log.error('A second factor cannot be checked, only recovery codes work: %s', error)
            return False
        step = self._step_of(seed, code) if seed else None
        if step is None:
            return False
        with self._users.accounts.transaction():
            if step <= self._users.accounts.get(user_id).totp_step:
                return False  # somebody looked over the shoulder (RFC 6238, 5.2: a code is accepted once)
            self._users.accounts.set(user_id, totp_step=step)
        return True

    def _use_recovery_code(self, user_id: int, code: str) -> bool:
        given = digest(typed(code))
        with self._users.accounts.transaction():
            known = self._users.accounts.get(user_id).recovery_digests
            if not any(hmac.compare_digest(given, one) for one in known):
                return False
            self._users.accounts.set(user_id, recovery_digests=[one for one in known if one != given])
        log.warning('A recovery code was used; %d are left', len(known) - 1)
        return True

    def _step_of(self, seed: str, code: str) -> int | None:
        """Given a code, return the step of time at which it is valid, about now; None if it is not."""
        now, given, totp = int(self._clock().timestamp()) // STEP_S, typed(code), pyotp.TOTP(seed)
        steps = [now + drift for drift in DRIFT_STEPS]
        right = [
            step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode())
        ]
        return max(right, default=None)

    def _account(self, username: str) -> Account:
        account = self._users.find(username)
        if account is None or not account.password_hash:
            raise NotFound(f'There is no user {username}.')
        return account


def _owner(account: Account) -> str:
    return f'user:{account.id}'


def _recovery_codes() -> tuple[list[str], list[str]]:
    codes = [new_code(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
    return codes, [digest(typed(code)) for code in codes]

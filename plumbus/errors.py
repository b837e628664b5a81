"""What can go wrong, as a user is told it. Every error carries a sentence and, where there is one, a remedy.

PlumbusError
├── InvalidInput          a field is wrong; `fields` says which and why
├── NotFound              no such thing
├── Conflict              not now: it would collide with what is going on
├── NotLoggedIn           no valid login or token
├── NotPermitted          logged in, but not allowed
├── ClientError           the client machine could not be reached, or refused
│   └── HostKeyChanged    it answers with another host key than the pinned one
├── TransferFailed        a backup or restore cannot go on; `cause` names the row of the table of causes
├── Cancelled             someone, or the end of the process, asked to stop
└── StoreError            the data dir cannot be read or written
"""

from collections.abc import Mapping


class PlumbusError(Exception):
    """A failure that a user can understand. `str()` gives the sentence followed by the remedy."""

    def __init__(self, message: str, remedy: str = '') -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f'{self.message} {self.remedy}'.strip()


class InvalidInput(PlumbusError):
    """Given the wrong fields with a reason each, tell them in one sentence too."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        listed = '; '.join(f'{name}: {why}' for name, why in self.fields.items())
        super().__init__(f'Please correct {listed}.')


class NotFound(PlumbusError):
    """Nothing is known under that id or path."""


class Conflict(PlumbusError):
    """It would collide with what is going on, or with a newer edit."""


class NotLoggedIn(PlumbusError):
    """No valid login or token came with the request."""


class NotPermitted(PlumbusError):
    """The login is valid but does not allow this."""


class ClientError(PlumbusError):
    """The client machine could not be reached, or refused. `cause` names the row of the table of causes."""

    def __init__(self, message: str, remedy: str = '', cause: str = 'unknown') -> None:
        super().__init__(message, remedy)
        self.cause = cause

    @property
    def transient(self) -> bool:
        """Whether the same attempt may succeed a little later."""
        return self.cause in {'timeout', 'refused', 'network_unreachable', 'unreachable', 'connection_lost'}


class HostKeyChanged(ClientError):
    """The machine answers with `fingerprint` instead of the pinned one."""

    def __init__(self, message: str, remedy: str, fingerprint: str) -> None:
        super().__init__(message, remedy, 'host_key_changed')
        self.fingerprint = fingerprint


class TransferFailed(PlumbusError):
    """A backup or restore cannot go on. `cause` names the row of the table of causes, `exit_code` is rsync's.

    `transient` tells that the same run may succeed a little later.
    """

    def __init__(
        self,
        message: str,
        remedy: str = '',
        cause: str = 'unknown',
        *,
        exit_code: int | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, remedy)
        self.cause = cause
        self.exit_code = exit_code
        self.transient = transient


class Cancelled(PlumbusError):
    """Someone, or the end of the process, asked to stop."""


class StoreError(PlumbusError):
    """The data dir cannot be read or written. `cause` names the row of the table of causes."""

    def __init__(self, message: str, remedy: str = '', cause: str = 'storage') -> None:
        super().__init__(message, remedy)
        self.cause = cause

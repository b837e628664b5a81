"""Where to log in and how. Pure but for a look at a key file; what is refused here never reaches ssh."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from plumbus.errors import ClientError, InvalidInput
from plumbus.model import AuthMethod
from plumbus.model.fields import HOST, USERNAME
from plumbus.transfer.keys import Keys, check_alias

LONGEST_CHAIN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where to log in and how. `alias` names the machine to ssh and in known_hosts, like `client-3`.

    With `auth_method` key: `private_key` (text), else the file `key_path`, else PLUMBUS's own key. `host_key_line`
    (`type key`) goes before the key pinned under the alias; where neither is known, the key must have the fingerprint
    `expected`, if that is given. Raise InvalidInput where ssh could misread a field.
    """

    alias: str
    host: str
    port: int = 22
    username: str
    auth_method: AuthMethod = 'key'
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    key_path: str | Path | None = None
    sudo: bool = False
    host_key_line: str | None = None
    expected: str | None = None
    jump: 'Target | None' = None

    def __post_init__(self) -> None:
        check_alias(self.alias)
        if not HOST.fullmatch(self.host):
            raise InvalidInput({'host': 'must be a host name or an IP address'})
        if not USERNAME.fullmatch(self.username):
            raise InvalidInput({'username': 'must be a login name'})
        if not 1 <= self.port <= 65535:
            raise InvalidInput({'port': 'must be between 1 and 65535'})

    @property
    def chain(self) -> list['Target']:
        """The machines to pass, this one last. Raise InvalidInput if there are too many, or one comes twice."""
        hops = [self]
        while hops[0].jump:
            hops.insert(0, hops[0].jump)
            if len(hops) > LONGEST_CHAIN or len({hop.alias for hop in hops}) < len(hops):
                raise InvalidInput(
                    {'jump_client_id': 'leads over too many machines, or over one of them twice'}
                )
        return hops

    def pinned(self, keys: Keys) -> str | None:
        """Return the host key to expect as `type key`, or None at the first contact."""
        return self.host_key_line or keys.pinned(self.alias)

    def key_file(self, keys: Keys) -> Path:
        """Return the file of the private key to log in with. Raise ClientError if it cannot be read."""
        path = Path(self.key_path) if self.key_path else keys.identity_path
        if not path.is_file() or not os.access(path, os.R_OK):
            raise _key_file_error(
                path, 'is missing or cannot be read', "Correct the client's key path, or its mode and owner."
            )
        found = path.stat()
        if (
            found.st_uid == os.getuid() and found.st_mode & 0o077
        ):  # ssh itself looks at its own files only, too
            raise _key_file_error(
                path, 'can be read by other users, and ssh refuses to use it', 'Make it private: chmod 600.'
            )
        return path


def _key_file_error(path: Path, what: str, remedy: str) -> ClientError:
    return ClientError(f'The private key {path.name} on the PLUMBUS server {what}.', remedy, 'key_file')


def require_password(target: Target) -> str:
    """Return the password to log in with. Raise ClientError if there is none."""
    if not target.password:
        raise ClientError(
            f'No password is stored for {target.username} on {target.host}.',
            "Enter the password in the client's settings, or install PLUMBUS's key there.",
            'auth',
        )
    return target.password

"""How a stored client is reached: its address, login and secrets put together, with the machines to jump through."""

from plumbus.errors import ClientError
from plumbus.model import Client
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault
from plumbus.transfer.connection import Probe, probe
from plumbus.transfer.keys import Keys
from plumbus.transfer.target import Target

MAX_JUMPS = 5


def owner_of(client_id: int) -> str:
    """Given a client's id, return under which name the vault keeps its secrets."""
    return f'client:{client_id}'


def alias_of(client_id: int) -> str:
    """Given a client's id, return its name in ssh's configuration and among the pinned host keys."""
    return f'plumbus-client-{client_id}'


class Targets:
    """Builds the target of a client. Secrets leave the vault here and go nowhere but into an ssh session."""

    def __init__(self, clients: Documents[Client], vault: Vault, keys: Keys) -> None:
        self._clients = clients
        self._vault = vault
        self.keys = keys

    def met(self, client: Client) -> tuple[Target, str | None]:
        """Given a client, return its target; at the first contact its host key is pinned, and returned as fingerprint.

        Raise ClientError if that first contact fails.
        """
        target = self.of(client)
        if target.pinned(self.keys) is not None:
            return target, None
        found = probe(target, self.keys)
        self.remember(client, found)
        return target, found.fingerprint

    def way_to(self, client: Client) -> list[tuple[Client, str | None]]:
        """Given a client, return it and those it is reached through, each with its pinned host key as `type key`."""
        way = [client]
        while (jump_id := way[-1].jump_client_id) and len(way) <= MAX_JUMPS:
            if (jump := self._clients.find(jump_id)) is None:
                break
            way.append(jump)
        return [(one, self.keys.pinned(alias_of(one.id))) for one in way]

    def remember(self, client: Client, found: Probe) -> bool:
        """Given what a good connection showed, pin a new host key and keep what is known of the login.

        Return whether that changed the client's record.
        """
        if found.status == 'new':
            self.keys.pin(alias_of(client.id), found.host_key_line)
        facts = {
            'host_key': found.fingerprint,
            'login_uid': found.login_uid,
            'login_gids': found.login_gids,
            'restricted': found.restricted,
        }
        changed = any(getattr(client, name) != value for name, value in facts.items())
        if changed:
            self._clients.set(client.id, **facts)
        return changed

    def of(
        self, client: Client, *, password: str | None = None, private_key: str | None = None, jumps: int = 0
    ) -> Target:
        """Given a client, stored or not, return its target; a given secret goes before a stored one.

        Raise ClientError if it is reached through itself.
        """
        if jumps > MAX_JUMPS:
            raise ClientError(
                'This client is reached through itself.', 'Choose another jump client.', 'jump_loop'
            )
        owner = owner_of(client.id)
        by_password = client.auth_method == 'password'
        jump = self._clients.get(client.jump_client_id) if client.jump_client_id else None
        return Target(
            alias=alias_of(client.id),
            host=client.host,
            port=client.port,
            username=client.username,
            auth_method=client.auth_method,
            password=(password or self._vault.get(owner, 'password')) if by_password else None,
            private_key=None if by_password else private_key or self._vault.get(owner, 'private_key'),
            key_path=client.key_path,
            sudo=client.use_sudo,
            expected=client.host_key,
            jump=self.of(jump, jumps=jumps + 1) if jump else None,
        )

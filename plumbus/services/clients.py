"""What a user can do with clients: keep them, test the connection, look into their folders."""

from collections.abc import Mapping
from typing import Any, Literal

from plumbus.backup.targets import MAX_JUMPS, Targets, alias_of, owner_of
from plumbus.cancellation import Cancellation, Witness, unnoted
from plumbus.errors import ClientError, Conflict, HostKeyChanged, InvalidInput, PlumbusError
from plumbus.events import Changed, EventBus
from plumbus.model import Client, ClientFields, ConnectionTest, HostKey, RemoteFile, checked
from plumbus.model.fields import FINGERPRINT
from plumbus.services.jobs import Jobs
from plumbus.services.plain import PlainForm
from plumbus.services.records import counted, revision_of
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault
from plumbus.transfer.connection import Probe, host_key, install_key, probe
from plumbus.transfer.keys import fingerprint as key_fingerprint
from plumbus.transfer.listing import list_folder
from plumbus.transfer.ssh import session

SECRETS = ('password', 'private_key')
NOT_STORED = {*SECRETS, 'forget_secrets'}
FORM = PlainForm(Client)


class Clients:
    """Every call blocks until it is done; calls that reach out to a machine end within their time limits."""

    def __init__(
        self,
        clients: Documents[Client],
        vault: Vault,
        targets: Targets,
        jobs: Jobs,
        events: EventBus,
        *,
        witness: Witness = unnoted,
    ) -> None:
        self._clients = clients
        self._vault = vault
        self._targets = targets
        self._jobs = jobs
        self._events = events
        self._witness = witness

    def all(self) -> list[Client]:
        """Return every client, oldest first."""
        lost = self._lost_secrets()
        return [
            client.model_copy(update={'lost_secrets': lost.get(client.id, [])})
            for client in self._clients.all()
        ]

    def plain(self) -> list[dict[str, Any]]:
        """As `all`, as the fields that JSON is made of."""
        lost = self._lost_secrets()
        return [{**FORM.of(raw), 'lost_secrets': lost.get(raw['id'], [])} for raw in self._clients.raw()]

    def get(self, client_id: int) -> Client:
        """Given an id, return the client. Raise NotFound."""
        client = self._clients.get(client_id)
        return client.model_copy(update={'lost_secrets': self._lost_secrets().get(client_id, [])})

    def create(self, fields: Mapping[str, Any]) -> Client:
        """Given what a user entered, store a client and return it. Raise InvalidInput naming what is wrong."""
        entered = self._checked(fields, None)
        client = self._clients.add(Client(**entered.model_dump(exclude=NOT_STORED)))
        client = self._keep_secrets(client.id, entered)
        self._tell(client.id, 'created')
        return client

    def update(self, client_id: int, fields: Mapping[str, Any]) -> Client:
        """Given some fields, change them and return the client. Raise InvalidInput, or Conflict if `revision` is old."""
        known = self._clients.get(client_id)
        entered = self._checked({**known.model_dump(), **fields}, known)
        changes = entered.model_dump(exclude=NOT_STORED)
        self._clients.edit(client_id, changes, revision_of(fields))
        if (known.host, known.port) != (entered.host, entered.port):
            self._targets.keys.forget(alias_of(client_id))
            self._clients.set(client_id, host_key=None)
        client = self._keep_secrets(client_id, entered)
        self._tell(client_id, 'updated')
        return client

    def delete(self, client_id: int, *, cascade: bool = False, delete_data: bool = False) -> None:
        """Given a client, forget it. Its snapshots stay on disk unless `delete_data`.

        Raise Conflict while it has jobs, unless `cascade` takes these along, or while others are reached through it.
        """
        client = self._clients.get(client_id)
        jobs = self._jobs.all(client_id)
        if jobs and not cascade:
            raise Conflict(
                f'{client.name} still has {counted(len(jobs), "job")}.',
                'Delete its jobs first, or all at once with cascade.',
            )
        if any(other.jump_client_id == client_id for other in self._clients.all()):
            raise Conflict(
                f'Other clients are reached through {client.name}.', 'Change their jump client first.'
            )
        for job in jobs:
            self._jobs.delete(job.id, delete_data=delete_data)
        self._vault.forget(owner_of(client_id))
        self._targets.keys.forget(alias_of(client_id))
        self._clients.remove(client_id)
        self._tell(client_id, 'deleted')

    def test(self, client_id: int) -> ConnectionTest:
        """Given a client, connect to it and tell what was found; the first success pins its host key. Raise NotFound."""
        client = self._clients.get(client_id)
        try:
            found = probe(self._targets.of(client), self._targets.keys)
        except HostKeyChanged as error:
            return failed_test(error, HostKey(fingerprint=error.fingerprint, status='changed'))
        except PlumbusError as error:
            return failed_test(error)
        if self._targets.remember(client, found):
            self._tell(client_id, 'updated')
        return passed_test(found)

    def try_fields(self, fields: Mapping[str, Any]) -> ConnectionTest:
        """Given what a user is entering, connect without storing anything. Raise InvalidInput naming what is wrong."""
        entered = self._checked(fields, None)
        client = Client(**entered.model_dump(exclude=NOT_STORED))
        target = self._targets.of(client, password=entered.password, private_key=entered.private_key)
        try:
            return passed_test(probe(target, self._targets.keys))
        except PlumbusError as error:
            return failed_test(error)

    def trust(self, client_id: int, fingerprint: str) -> Client:
        """Given the fingerprint that the machine shows now, pin it. Raise InvalidInput if it shows another one."""
        client = self._clients.get(client_id)
        if not FINGERPRINT.fullmatch(fingerprint):
            raise InvalidInput({'fingerprint': 'must be a fingerprint like SHA256:…'})
        shown = host_key(self._targets.of(client), self._targets.keys)
        if key_fingerprint(shown).rstrip('=') != fingerprint.rstrip('='):
            raise InvalidInput(
                {'fingerprint': f'is not what the machine shows now, {key_fingerprint(shown)}'}
            )
        self._targets.keys.pin(alias_of(client_id), shown)
        client = self._clients.set(client_id, host_key=key_fingerprint(shown))
        self._tell(client_id, 'updated')
        return client

    def install_key(self, client_id: int, password: str) -> ConnectionTest:
        """Given the login's password, put PLUMBUS's key on the client, check it and use it from now on.

        The password is not kept. Raise ClientError if the machine refuses.
        """
        client = self._clients.get(client_id)
        by_password = client.model_copy(update={'auth_method': 'password'})
        shown = install_key(self._targets.of(by_password, password=password), self._targets.keys)
        self._targets.keys.pin(alias_of(client_id), shown)
        self._vault.forget(owner_of(client_id))
        own_key = {'auth_method': 'key', 'key_path': None}
        self._clients.edit(client_id, own_key)
        self._clients.set(client_id, has_password=False, has_private_key=False)
        self._tell(client_id, 'updated')
        return self.test(client_id)

    def browse(self, client_id: int, path: str = '/', *, show_hidden: bool = True) -> list[RemoteFile]:
        """Given a folder on the client, return what lies in it, folders first. Raise ClientError with the cause."""
        client = self._clients.get(client_id)
        if not path.startswith('/') or '\0' in path:
            raise InvalidInput({'path': 'must be an absolute path, like /home'})
        target, new_key = self._targets.met(client)
        if new_key:
            client = self._clients.get(client_id)
            self._tell(client_id, 'updated')
        with session(target, self._targets.keys, Cancellation(self._witness)) as connection:
            return list_folder(
                connection,
                path,
                sudo=client.use_sudo,
                show_hidden=show_hidden,
                login_uid=client.login_uid,
                login_gids=client.login_gids,
            )

    def _checked(self, fields: Mapping[str, Any], known: Client | None) -> ClientFields:
        entered = checked(ClientFields, fields)
        kept = bool(known and known.has_password and not entered.forget_secrets)
        if entered.auth_method == 'password' and not entered.password and not kept:
            raise InvalidInput({'password': 'is needed to log in with a password'})
        if entered.jump_client_id is not None:
            self._check_way(entered.jump_client_id, known)
        return entered

    def _check_way(self, jump_id: int | None, known: Client | None) -> None:
        passed: list[int] = []
        while jump_id is not None:
            if (jump := self._clients.find(jump_id)) is None:
                raise InvalidInput({'jump_client_id': f'there is no client {jump_id}'})
            if known and jump.id == known.id:
                raise InvalidInput({'jump_client_id': 'a client cannot be reached through itself'})
            passed.append(jump.id)
            if len(passed) > MAX_JUMPS:
                raise InvalidInput({'jump_client_id': f'leads over more than {MAX_JUMPS} machines'})
            jump_id = jump.jump_client_id

    def _keep_secrets(self, client_id: int, entered: ClientFields) -> Client:
        owner = owner_of(client_id)
        if entered.forget_secrets:
            self._vault.forget(owner)
        for name in SECRETS:
            secret = getattr(entered, name)
            if secret:
                self._vault.put(owner, name, secret)
        return self._clients.set(
            client_id,
            has_password=self._vault.has(owner, 'password'),
            has_private_key=self._vault.has(owner, 'private_key'),
        )

    def _lost_secrets(self) -> dict[int, list[str]]:
        """Return which secrets of which client the key does not open any more: they must be entered again."""
        lost: dict[int, list[str]] = {}
        for owner, name in self._vault.unreadable():
            noun, _, number = owner.partition(':')
            if noun == 'client':
                lost.setdefault(int(number), []).append(name)
        return lost

    def _tell(self, client_id: int, action: Literal['created', 'updated', 'deleted']) -> None:
        self._events.publish(Changed(noun='client', id=client_id, action=action))


def passed_test(found: Probe) -> ConnectionTest:
    """Given what a connection found, return the answer for a user."""
    return ConnectionTest(
        success=True,
        message=f'Connected. rsync {found.rsync_version} is there.' if found.rsync_version else 'Connected.',
        system_info=found.system_info,
        rsync_version=found.rsync_version,
        latency_ms=found.latency_ms,
        host_key=HostKey(
            fingerprint=found.fingerprint, status='trusted' if found.status == 'trusted' else 'new'
        ),
        sudo_available=found.sudo_available,
        sudo_message=found.sudo_message,
        sudo_details=found.sudo_details,
    )


def failed_test(error: PlumbusError, host_key: HostKey | None = None) -> ConnectionTest:
    """Given why a connection failed, return the answer for a user."""
    cause = error.cause if isinstance(error, ClientError) else None
    return ConnectionTest(
        success=False,
        message='The connection test failed.',
        error=str(error),
        remedy=error.remedy or None,
        cause=cause,
        host_key=host_key,
    )

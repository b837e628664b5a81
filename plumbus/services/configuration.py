"""The whole configuration as one document of YAML: to keep, to compare, to take to another server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, StringConstraints

from plumbus import __version__
from plumbus.backup.targets import alias_of, owner_of
from plumbus.model import Client, ClientFields, JobFields, NotificationFields, checked
from plumbus.notify.pings import PingUrls
from plumbus.services.clients import SECRETS, Clients
from plumbus.services.jobs import Jobs
from plumbus.services.notifications import Notifications
from plumbus.services.taking_in import FORMAT, TakenIn, TakingIn
from plumbus.store.documents import Documents
from plumbus.store.seal import Seal
from plumbus.store.vault import Vault
from plumbus.transfer.keys import Keys

HEAD = (
    '# The configuration of PLUMBUS {version}, written {moment}. {secrets}\n'
    '# python main.py import FILE takes it in; docs/configuration.md tells more.\n'
)
Passphrase = Annotated[str, StringConstraints(min_length=12, max_length=1024)]


class ExportFields(BaseModel):
    """With a `passphrase` (12 characters or more) secrets are written too, sealed with it."""

    passphrase: Passphrase | None = None


@dataclass(kw_only=True, slots=True)
class Configuration:
    """Every call blocks until it is done."""

    clients: Clients
    jobs: Jobs
    notifications: Notifications
    records: Documents[Client]
    vault: Vault
    keys: Keys
    now: Callable[[], datetime]

    def export(self, fields: Mapping[str, Any]) -> str:
        """Given whether secrets come along, return the document. Raise InvalidInput, or StoreError if one cannot be decrypted."""
        entered = checked(ExportFields, fields)
        seal = Seal.new(entered.passphrase) if entered.passphrase else None
        document: dict[str, Any] = {'plumbus': {'format': FORMAT, 'version': __version__}}
        if seal:
            document['sealed'] = {'salt': seal.salt, 'proof': seal.proof}
        document['clients'] = [self._client(client, seal) for client in self.clients.all()]
        document['jobs'] = [
            {'id': job.id, **job.model_dump(mode='json', include=set(JobFields.model_fields) - {'ping_url'})}
            | _sealed(seal, {'ping_url': PingUrls(self.vault).of(job.id) if seal else None})
            for job in self.jobs.all()
        ]
        document['notifications'] = [
            target.model_dump(mode='json', include=set(NotificationFields.model_fields) - {'url'})
            | _sealed(seal, {'url': self.notifications.targets.url_of(target.id) if seal else None})
            for target in self.notifications.all()
        ]
        head = HEAD.format(
            version=__version__,
            moment=f'{self.now():%Y-%m-%d %H:%M UTC}',
            secrets='Its secrets are sealed with a passphrase.' if seal else 'No secret is in it.',
        )
        return head + str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))

    def take_in(self, fields: Mapping[str, Any]) -> TakenIn:
        """Given a document, add what is not here yet, all or nothing, and return what that was. Raise InvalidInput."""
        taking = TakingIn(
            clients=self.clients, jobs=self.jobs, notifications=self.notifications, records=self.records, vault=self.vault,
            keys=self.keys,
        )  # fmt: skip
        return taking.take(fields)

    def _client(self, client: Client, seal: Seal | None) -> dict[str, Any]:
        names = set(ClientFields.model_fields) - {*SECRETS, 'forget_secrets'}
        owner = owner_of(client.id)
        secrets = {name: self.vault.get(owner, name) if seal else None for name in SECRETS}
        pinned = {'host_key': self.keys.pinned(alias_of(client.id))}
        return {'id': client.id, **client.model_dump(mode='json', include=names), **pinned} | _sealed(
            seal, secrets
        )


def _sealed(seal: Seal | None, secrets: Mapping[str, str | None]) -> dict[str, Any]:
    there = {name: seal.close(secret) for name, secret in secrets.items() if secret} if seal else {}
    return {'secrets': there} if there else {}

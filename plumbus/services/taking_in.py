"""Takes in a configuration that was written by another PLUMBUS, or by this one: what is missing here is added, nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import yaml
from cryptography.fernet import InvalidToken
from pydantic import BaseModel, Field, StringConstraints

from plumbus.backup.targets import alias_of, owner_of
from plumbus.errors import InvalidInput
from plumbus.model import Client, ClientFields, JobFields, NotificationFields, checked
from plumbus.scheduling import timing
from plumbus.services.clients import Clients
from plumbus.services.jobs import Jobs
from plumbus.services.notifications import Notifications
from plumbus.store.documents import Documents
from plumbus.store.seal import Seal
from plumbus.store.vault import Vault
from plumbus.transfer.keys import Keys, fingerprint

FORMAT = 1
LONGEST = 1_900_000
NOT_YET = 1  # an id for checking a job whose client is still to come
KINDS = ('clients', 'jobs', 'notifications')
Entry = Mapping[str, Any]
Result = TypeVar('Result')


class ImportFields(BaseModel):
    """`document` is what was exported. `dry_run` tells what would come and keeps nothing."""

    document: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    passphrase: Annotated[str, StringConstraints(max_length=1024)] | None = None
    dry_run: bool = False


class TakenIn(BaseModel):
    """Names of what came, of what was here already and was left alone, and what is left to do."""

    added: dict[str, list[str]] = {kind: [] for kind in KINDS}
    kept: dict[str, list[str]] = {kind: [] for kind in KINDS}
    notes: list[str] = []


@dataclass(kw_only=True, slots=True)
class Document:
    """What was read, opened and checked: for each entry its fields, secrets included."""

    clients: list[Entry] = field(default_factory=list)
    jobs: list[Entry] = field(default_factory=list)
    notifications: list[Entry] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class TakingIn:
    """Things of one name (jobs: of one client) are the same thing."""

    clients: Clients
    jobs: Jobs
    notifications: Notifications
    records: Documents[Client]
    vault: Vault
    keys: Keys

    def take(self, fields: Mapping[str, Any]) -> TakenIn:
        """Given a document, add what is not here yet, all or nothing. Raise InvalidInput naming what is wrong with it."""
        entered = checked(ImportFields, fields)
        document, taken = read(entered.document, entered.passphrase), TakenIn()
        if entered.dry_run:
            self._look(document, taken)
            return taken
        pins: dict[int, str] = {}
        with self.records.transaction():
            ids = self._add_clients(document, taken, pins)
            job_ids = self._add_jobs(document, ids, taken)
            self._add_notifications(document, job_ids, taken)
        for client_id, key in pins.items():
            self.keys.pin(alias_of(client_id), key)
            self.records.set(client_id, host_key=fingerprint(key))
        return taken

    def _look(self, document: Document, taken: TakenIn) -> None:
        clients = {client.name: client.id for client in self.clients.all()}
        of = {one['id']: one['name'] for one in document.clients}
        jobs = {(job.client_name, job.name) for job in self.jobs.all()}
        targets = {target.name for target in self.notifications.all()}
        for one in document.clients:
            _sort(taken, 'clients', one['name'], known=one['name'] in clients)
        for one in document.jobs:
            _sort(taken, 'jobs', one['name'], known=(of[one['client_id']], one['name']) in jobs)
        for one in document.notifications:
            _sort(taken, 'notifications', one['name'], known=one['name'] in targets)

    def _add_clients(self, document: Document, taken: TakenIn, pins: dict[int, str]) -> dict[Any, int]:
        known = {client.name: client.id for client in self.clients.all()}
        ids: dict[Any, int] = {}
        for one in document.clients:
            there = known.get(one['name'])
            _sort(taken, 'clients', one['name'], known=there is not None)
            ids[one['id']] = self._add_client(one, ids, taken) if there is None else there
            if there is None and one.get('host_key'):
                pins[ids[one['id']]] = one['host_key']
        return ids

    def _add_client(self, one: Entry, ids: Mapping[Any, int], taken: TakenIn) -> int:
        lacks = one.get('auth_method') == 'password' and not one.get('password')
        # A client by password must have one to be stored.
        given = {
            **one,
            **({'password': '-'} if lacks else {}),
            'jump_client_id': ids.get(one.get('jump_client_id')),
        }
        client = self.clients.create(given)
        if lacks:
            self.vault.forget(owner_of(client.id))
            self.records.set(client.id, has_password=False)
            taken.notes.append(f'Enter the password of {client.name} on its page.')
        return client.id

    def _add_jobs(self, document: Document, ids: Mapping[Any, int], taken: TakenIn) -> dict[Any, int]:
        known = {(job.client_id, job.name): job.id for job in self.jobs.all()}
        job_ids: dict[Any, int] = {}
        for one in document.jobs:
            client_id = ids[one['client_id']]
            there = known.get((client_id, one['name']))
            _sort(taken, 'jobs', one['name'], known=there is not None)
            job_ids[one.get('id')] = there or self.jobs.create({**one, 'client_id': client_id}).id
        return job_ids

    def _add_notifications(self, document: Document, job_ids: Mapping[Any, int], taken: TakenIn) -> None:
        known = {target.name for target in self.notifications.all()}
        for one in document.notifications:
            if one['name'] in known:
                _sort(taken, 'notifications', one['name'], known=True)
            elif not one.get('url'):
                taken.notes.append(
                    f'Add the notification {one["name"]} again: its address is a secret, and not in this document.'
                )
            else:
                jobs = one.get('job_ids')
                chosen = None if jobs is None else [job_ids[number] for number in jobs if number in job_ids]
                self.notifications.create({**one, 'job_ids': chosen})
                _sort(taken, 'notifications', one['name'], known=False)


def read(text: str, passphrase: str | None) -> Document:
    """Given a document and the passphrase of its secrets, return what it holds, clients before those reached through them.

    Raise InvalidInput naming what is wrong.
    """
    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        where = getattr(error, 'problem_mark', None)
        raise _wrong(f'is no YAML{f" (line {where.line + 1})" if where else ""}') from None
    head = told.get('plumbus') if isinstance(told, dict) else None
    if not isinstance(head, dict) or not isinstance(head.get('format'), int):
        raise _wrong('is no configuration of PLUMBUS')
    if head['format'] > FORMAT:
        raise _wrong('was written by a newer PLUMBUS; update this one first')
    seal = _seal(told.get('sealed'), passphrase)
    document = Document(**{kind: [_opened(kind, one, seal) for one in _list(told, kind)] for kind in KINDS})
    for one in document.clients:
        given = {**one, 'password': one.get('password') or '-', 'jump_client_id': None}
        _named('client', one, lambda given=given: checked(ClientFields, given))  # type: ignore[misc]
    ids = {one.get('id') for one in document.clients}
    for one in document.jobs:
        if one.get('client_id') not in ids:
            raise _wrong(f'names no client of the job {one.get("name")}')
        _named('job', one, lambda one=one: _check_job(one))  # type: ignore[misc]
    for one in document.notifications:
        _named('notification', one, lambda one=one: checked(NotificationFields, {**one, 'job_ids': None}))  # type: ignore[misc]
    document.clients = _in_order(document.clients)
    return document


def _check_job(one: Entry) -> None:
    fields = checked(JobFields, {**one, 'client_id': NOT_YET})
    if fields.schedule is not None:
        timing.check(fields.schedule, fields.timezone)


def _in_order(clients: list[Entry]) -> list[Entry]:
    ordered: list[Entry] = []
    while len(ordered) < len(clients):
        there = {None, *(one['id'] for one in ordered)}
        ready = [one for one in clients if one not in ordered and one.get('jump_client_id') in there]
        if not ready:
            raise _wrong(
                'tells of clients that are reached through each other, or through one that it does not hold'
            )
        ordered += ready
    return ordered


def _list(told: Entry, kind: str) -> list[Any]:
    found = told.get(kind) or []
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and isinstance(one.get('name'), str) for one in found
    ):
        raise _wrong(f'has something else than a list of named entries under {kind}')
    return found


def _seal(sealed: object, passphrase: str | None) -> Seal | None:
    if not isinstance(sealed, dict):
        return None
    if not passphrase:
        raise InvalidInput({'passphrase': 'is needed: the secrets of this document are sealed with one'})
    return Seal.known(passphrase, sealed.get('salt'), sealed.get('proof'))


def _opened(kind: str, one: Entry, seal: Seal | None) -> Entry:
    secrets = one.get('secrets') or {}
    try:
        opened = {name: seal.open(str(secret)) for name, secret in secrets.items()} if seal else {}
    except (InvalidToken, AttributeError):
        raise _wrong(f'has a damaged secret under {kind}: {one["name"]}') from None
    return {**{name: value for name, value in one.items() if name != 'secrets'}, **opened}


def _named(noun: str, one: Entry, check: Callable[[], Result]) -> Result:
    try:
        return check()
    except InvalidInput as error:
        why = '; '.join(f'{name} {reason}' for name, reason in error.fields.items())
        raise _wrong(f'has a {noun} {one.get("name")} that cannot be used: {why}') from None


def _sort(taken: TakenIn, kind: str, name: str, *, known: bool) -> None:
    (taken.kept if known else taken.added)[kind].append(name)


def _wrong(what: str) -> InvalidInput:
    return InvalidInput({'document': what})

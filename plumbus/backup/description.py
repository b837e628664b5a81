"""What stands in backup.json beside a snapshot: enough to know its backup, job and client again without the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from plumbus.backup.snapshots import Snapshot
from plumbus.errors import InvalidInput, StoreError
from plumbus.model import Backup, Client, ClientFields, Job, JobFields, checked

FORMAT = 1


class WholeListing(BaseModel):
    """How many files and folders a snapshot has, of which nothing is missing that was listed on the client, and since when
    (seconds) scans went without listing everything."""

    files: int
    folders: int
    since: int


class Description(BaseModel):
    """The records as they were when the backup ended. No secret is in it.

    `jump_clients` are the machines that the client is reached through; `host_keys` holds the pinned public keys of all of
    them (`type key`) by client id. `origins`: bytes of the snapshot's files by the time (seconds) of the snapshot that stored
    them, which tells what it shares with others. `listing`: what its scan listed, if the next one may do with what differs.
    """

    format: int
    backup: Backup
    job: Job
    client: Client
    jump_clients: list[Client] = []
    host_keys: dict[int, str] = {}
    origins: dict[int, int] | None = None
    listing: WholeListing | None = None

    @property
    def clients(self) -> list[Client]:
        """The client and those it is reached through."""
        return [self.client, *self.jump_clients]


def describe(
    backup: Backup,
    job: Job,
    way: Sequence[tuple[Client, str | None]],
    origins: Mapping[int, int] | None = None,
    listing: WholeListing | None = None,
) -> dict[str, Any]:
    """Given the records, the client with those it is reached through and their host keys, and what else is known, return what to write."""
    description = Description(
        format=FORMAT,
        backup=backup,
        job=job,
        client=way[0][0],
        jump_clients=[client for client, _ in way[1:]],
        host_keys={client.id: key_line for client, key_line in way if key_line},
        origins=dict(origins) if origins is not None else None,
        listing=listing,
    )
    return description.model_dump(mode='json', exclude={'backup': {'progress'}})


def read_description(snapshot: Snapshot) -> Description:
    """Given a snapshot, return its description. Raise StoreError if it cannot be read, or holds what no user could enter."""
    told = snapshot.description()
    try:
        description = Description.model_validate(told)
    except ValidationError as error:
        wrong = '.'.join(str(part) for part in error.errors()[0]['loc']) or 'it'
        raise StoreError(f'Its backup.json does not have the expected form ({wrong}).') from None
    _check(description)
    return description


def _check(description: Description) -> None:
    backup, job, client = description.backup, description.job, description.client
    if description.format > FORMAT:
        raise StoreError('Its backup.json was written by a newer PLUMBUS.')
    if min(backup.id, job.id, *(one.id for one in description.clients)) < 1:
        raise StoreError('Its backup.json names no ids.')
    if (backup.job_id, backup.client_id, job.client_id) != (job.id, client.id, client.id):
        raise StoreError('Its backup.json does not fit together: backup, job and client name different ids.')
    if not backup.status.good:
        raise StoreError(f'Its backup.json tells of a backup that is {backup.status.value}.')
    try:
        for one in description.clients:
            checked(ClientFields, one.model_dump())
        checked(JobFields, job.model_dump())
    except InvalidInput as error:
        wrong = '; '.join(f'{name} {why}' for name, why in error.fields.items())
        raise StoreError(f'Its backup.json holds what nobody could have entered: {wrong}.') from None

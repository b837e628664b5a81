"""Settles what is true of all that the descriptions beside the snapshots tell: they are of different times. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plumbus.backup.inventory import Found, Skipped
from plumbus.model import Backup, Client, Job, Record

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class Sorting:
    """`clients`, `jobs` and `backups` are what the database knows: that is true. Of what it lacks the newest is.

    Two things of one id are the same if they were created at the same moment.
    """

    clients: Mapping[int, Client]
    jobs: Mapping[int, Job]
    backups: Mapping[int, Backup]
    taken: dict[int, Found] = field(default_factory=dict)
    known: dict[int, Found] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    host_keys: dict[int, str] = field(default_factory=dict)
    _clients: dict[int, Client] = field(default_factory=dict)
    _jobs: dict[int, Job] = field(default_factory=dict)

    def sort(self, found: Iterable[Found]) -> None:
        """Given all snapshots, put each among those that are taken, known or skipped."""
        oldest_first = sorted(found, key=_moment)
        for item in oldest_first:
            self._clients |= {client.id: client for client in item.description.clients}
            self._jobs[item.description.job.id] = item.description.job
            self.host_keys |= item.description.host_keys
        self._clients |= self.clients
        self._jobs |= self.jobs
        for item in sorted(oldest_first, key=lambda one: (one.misplaced, one.path)):
            self._put(item)

    def new_jobs(self) -> list[Job]:
        """Return the jobs that the database lacks, in the order of ids."""
        wanted = {item.description.job.id for item in self._accepted()}
        return [self._jobs[number] for number in sorted(wanted - self.jobs.keys())]

    def new_clients(self) -> list[Client]:
        """Return the clients that the database lacks, with those they are reached through, in the order of ids."""
        pending = [item.description.client.id for item in self._accepted()]
        pending += [job.client_id for job in self.new_jobs()]
        wanted: set[int] = set()
        while pending:
            client = self._clients.get(pending.pop())
            if client and client.id not in wanted:
                wanted.add(client.id)
                pending += [client.jump_client_id] if client.jump_client_id else []
        return [self._clients[number] for number in sorted(wanted - self.clients.keys())]

    def _accepted(self) -> Iterable[Found]:
        return [*self.taken.values(), *self.known.values()]

    def _put(self, item: Found) -> None:
        number = item.description.backup.id
        if reason := self._refusal(item):
            self.skipped.append(Skipped(item.path, reason))
        elif number in self.backups:
            self.known[number] = item
        else:
            self.taken[number] = item

    def _refusal(self, item: Found) -> str:
        backup, job, client = item.description.backup, item.description.job, item.description.client
        if not _same(self._clients[client.id], client):
            return f'It is of client {client.id} ({client.name}), and that is another one by now.'
        if not _same(self._jobs[job.id], job):
            return f'It is of job {job.id} ({job.name}), and that is another one by now.'
        known, other = self.backups.get(backup.id), self.taken.get(backup.id)
        if known and not _same(known, backup):
            return f'It is of backup {backup.id}, and that is another one in the database.'
        place = other.path if other else known.backup_path if known else None
        return (
            f'It is a copy of backup {backup.id}, which lies in {place}.'
            if place not in {None, item.path}
            else ''
        )


def _same(one: Record, other: Record) -> bool:
    return one.created_at == other.created_at


def _moment(item: Found) -> tuple[datetime, int]:
    backup = item.description.backup
    return backup.start_time or backup.created_at or LONG_AGO, backup.id

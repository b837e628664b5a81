"""What the search of the header finds: clients, jobs and names of files, each with the page it leads to. Blocking, no elements."""

from collections.abc import Sequence
from dataclasses import dataclass

from pages.browse.place import Place, above, address, icon_of
from pages.wording import literal, plural
from plumbus.engine import Engine
from plumbus.model import Client, JobView
from plumbus.services.search import FoundFile

MOST = 5
MOST_FILES = 8
LONGEST_WORDS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One thing that was found: its name, what tells it from others, and where it is."""

    words: str
    note: str
    icon: str
    target: str


Group = tuple[str, list[Hit]]


def named(words: str, clients: Sequence[Client], jobs: Sequence[JobView]) -> list[Group]:
    """Given words, return the clients and jobs that have them in a name, an address or a path; empty groups are left out."""
    wanted = words.casefold()
    machines = [one for one in clients if wanted in f'{one.name}\n{one.host}'.casefold()]
    tasks = [
        one for one in jobs if wanted in '\n'.join([one.name, one.client_name, *one.source_paths]).casefold()
    ]
    groups = [
        ('Clients', [_client(one) for one in machines[:MOST]]),
        ('Jobs', [_job(one) for one in tasks[:MOST]]),
    ]
    return [(title, hits) for title, hits in groups if hits]


def in_snapshots(engine: Engine, words: str) -> list[Group]:
    """Given words, return the files that have them in their name, and the way to all of them. Raise InvalidInput, StoreError."""
    found = engine.search.find(words, limit=MOST_FILES)
    if not found.results:
        return []
    hits = [_file(one) for one in found.results]
    if found.more or found.total > len(hits):
        many = f'{"More than " if found.more else "All "}{plural(found.total, "file")} of that name'
        everywhere = address(Place(words=words, scope='everything'))
        hits.append(Hit(words=many, note='in Browse & restore', icon='o_manage_search', target=everywhere))
    return [('Files', hits)]


def _client(client: Client) -> Hit:
    return Hit(words=client.name, note=client.host, icon='o_dns', target=f'/clients/{client.id}')


def _job(job: JobView) -> Hit:
    return Hit(words=job.name, note=job.client_name, icon='o_notes', target=f'/jobs/{job.id}')


def _file(one: FoundFile) -> Hit:
    place = Place(
        client=one.client_id,
        job=one.job_id,
        snapshot=one.last_backup_id,
        path=one.path if one.is_dir else above(one.path),
        file='' if one.is_dir else one.path,
    )
    gone = ' · gone by now' if one.gone else ''
    note = f'{one.client_name} · {literal(above(one.path))}{gone}'
    return Hit(words=literal(one.name), note=note, icon=icon_of(one), target=address(place))

"""Finds names in all snapshots, in the index of them."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from plumbus.backup.explore import moment
from plumbus.backup.snapshots import Snapshots
from plumbus.errors import InvalidInput, StoreError
from plumbus.events import EventBus
from plumbus.model import Backup
from plumbus.services.indexing import Indexing
from plumbus.store.documents import Documents
from plumbus.store.search_index import Hit, SearchIndex
from plumbus.transfer.names import name_text, path_text

LONGEST_QUERY = 500


class FoundFile(BaseModel):
    """A path of a job as it was last, and the first and the last of its backups that have it. `gone`: the newest has not."""

    name: str
    path: str
    is_dir: bool
    is_link: bool
    size: int
    modified: datetime
    job_id: int
    job_name: str
    client_id: int
    client_name: str
    first_backup_id: int
    last_backup_id: int
    first_seen: datetime | None
    last_seen: datetime | None
    gone: bool


class SearchResult(BaseModel):
    """A page of what was found. `more`: there are more than are counted; `complete`: every backup is in the index."""

    results: list[FoundFile]
    total: int
    more: bool
    complete: bool


@dataclass(kw_only=True, slots=True)
class Search:
    """Reads the index that `keeper` fills. Every call blocks until it is done."""

    index: SearchIndex
    backups: Documents[Backup]
    keeper: Indexing

    def find(
        self,
        text: str,
        *,
        job_id: int | None = None,
        client_id: int | None = None,
        backup_id: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> SearchResult:
        """Given part of a name or path, or a pattern like '*.conf', return what matches: exact names first.

        Raise InvalidInput for nothing to look for, StoreError if the index is damaged; then it is made anew meanwhile.
        """
        wanted = text.strip()
        if '\0' in wanted:  # no name has one, and SQLite ends a text there
            raise InvalidInput({'q': 'must not hold a NUL character'})
        if not wanted or len(wanted) > LONGEST_QUERY:
            raise InvalidInput({'q': f'must have 1 to {LONGEST_QUERY} characters'})
        complete = self.keeper.caught_up()
        try:
            hits, more = self.index.find(
                wanted.encode('utf-8', 'replace').decode(),
                job_id=job_id,
                client_id=client_id,
                backup_id=backup_id,
            )
        except StoreError:
            self.keeper.doubt()
            raise
        hits.sort(key=lambda hit: (*_rank(hit, wanted.casefold()), hit.folder, hit.name, hit.job_id))
        return SearchResult(
            results=[self._shown(hit) for hit in hits[offset : offset + limit]],
            total=len(hits),
            more=more,
            complete=complete,
        )

    def _shown(self, hit: Hit) -> FoundFile:
        first, last = self.backups.find(hit.first), self.backups.find(hit.last)
        return FoundFile(
            name=name_text(hit.name),
            path=path_text(b'/' + (hit.folder + b'/' if hit.folder else b'') + hit.name),
            is_dir=hit.kind == 'd',
            is_link=hit.kind == 'L',
            size=0 if hit.kind == 'd' else hit.size,
            modified=moment(hit.modified),
            job_id=hit.job_id,
            job_name=last.job_name if last else '',
            client_id=last.client_id if last else 0,
            client_name=last.client_name if last else '',
            first_backup_id=hit.first,
            last_backup_id=hit.last,
            first_seen=first.start_time if first else None,
            last_seen=last.start_time if last else None,
            gone=hit.gone,
        )


def made_search(backups: Documents[Backup], snapshots: Snapshots, events: EventBus) -> Search:
    """Given the records and the snapshots, return the search in them; its keeper is to be started."""
    index = SearchIndex(snapshots.data_dir / 'index' / 'search.sqlite', folded)
    keeper = Indexing(index=index, backups=backups, snapshots=snapshots, events=events)
    return Search(index=index, backups=backups, keeper=keeper)


def folded(name: bytes) -> str:
    """Given a name, return it as it is searched: readable, in one case."""
    return name_text(name).casefold()


def _rank(hit: Hit, wanted: str) -> tuple[bool, bool]:
    name = folded(hit.name)
    return name != wanted, not name.startswith(wanted)

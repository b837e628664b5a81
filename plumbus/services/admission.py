"""What the queue asks before a run begins. Kept in memory, for the queue must wait for nothing; edits are heard on the bus."""

from dataclasses import dataclass, field

from plumbus.events import Changed, Event
from plumbus.model import Client
from plumbus.store.documents import Documents


@dataclass(kw_only=True, slots=True)
class Admission:
    """`client_parallel`: how many backups of one client run at once, unless the client itself says otherwise."""

    clients: Documents[Client]
    client_parallel: int
    _places: dict[int, int] = field(default_factory=dict)

    def load(self) -> None:
        """Learn what is stored."""
        for client in self.clients.all():
            self._learn(client.id, client)

    def heard(self, event: Event) -> None:
        """Given an event, learn what it has changed."""
        if isinstance(event, Changed) and event.noun == 'client':
            self._learn(event.id, self.clients.find(event.id))

    def places(self, client_id: int) -> int:
        """Given a client, return how many of its backups may run at once."""
        return self._places.get(client_id, self.client_parallel)

    def _learn(self, client_id: int, client: Client | None) -> None:
        if client and client.max_parallel:
            self._places[client_id] = client.max_parallel
        else:
            self._places.pop(client_id, None)

"""The stored secrets: which of them the key does not open any more, and whose they are."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbus.store.documents import Documents
from plumbus.store.vault import Vault

PUT_BACK = 'Put back keys/secret.key or PLUMBUS_SECRET_KEY as it was, or enter again what is named here.'
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LostSecret:
    """A secret that was stored with another key. `owner` is a noun and an id, like client 3; `whose` its name."""

    noun: str
    id: int
    whose: str
    name: str


@dataclass(kw_only=True, slots=True)
class Secrets:
    """What is lost with a key is the secrets alone; everything else goes on."""

    vault: Vault
    owners: Mapping[str, Documents[Any]]

    def count(self) -> int:
        """Return how many secrets are stored."""
        return self.vault.count()

    def lost(self) -> list[LostSecret]:
        """Return what must be entered again."""
        found = []
        for owner, name in self.vault.unreadable():
            noun, _, number = owner.partition(':')
            owner_id = int(number) if number.isdecimal() else 0
            whose = self._whose(noun, owner_id)
            found.append(LostSecret(noun=noun, id=owner_id, whose=whose, name=name.replace('_', ' ')))
        return found

    def warn(self) -> None:
        """At the start: tell in the log which secrets are lost."""
        lost = defaultdict[str, list[str]](list)
        for one in self.lost():
            lost[one.whose].append(one.name)
        if lost:
            listed = '; '.join(f'{whose} ({", ".join(names)})' for whose, names in sorted(lost.items()))
            log.error('The secret key is another than when these were stored: %s. %s', listed, PUT_BACK)

    def _whose(self, noun: str, owner_id: int) -> str:
        records = self.owners.get(noun)
        found = records.find(owner_id) if records else None
        return str(getattr(found, 'name', '') or getattr(found, 'username', '') or f'{noun} {owner_id}')

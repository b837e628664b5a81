"""The targets of messages: documents, with their URLs in the vault."""

from collections.abc import Mapping, Sequence
from typing import Any

from plumbus.errors import InvalidInput
from plumbus.model import NotificationFields, NotificationTarget, checked
from plumbus.notify.attempt import NotDelivered
from plumbus.notify.messages import Message
from plumbus.notify.services import Sender
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault


class Targets:
    """Thread-safe."""

    def __init__(self, targets: Documents[NotificationTarget], vault: Vault, sender: Sender) -> None:
        self._targets = targets
        self._vault = vault
        self._sender = sender

    def all(self) -> list[NotificationTarget]:
        """Return every target, oldest first."""
        return self._targets.all()

    def get(self, target_id: int) -> NotificationTarget:
        """Given an id, return the target. Raise NotFound."""
        return self._targets.get(target_id)

    def find(self, target_id: int) -> NotificationTarget | None:
        """Given an id, return the target, or None."""
        return self._targets.find(target_id)

    def create(self, fields: Mapping[str, Any]) -> NotificationTarget:
        """Given what a user entered, store a target. Raise InvalidInput naming what is wrong."""
        entered = checked(NotificationFields, fields)
        if not entered.url:
            raise InvalidInput({'url': 'is needed'})
        described = self._described(entered.url)
        with self._targets.transaction():
            target = self._targets.add(NotificationTarget(**entered.model_dump(exclude={'url'}), **described))
            self._vault.put(_owner(target.id), 'url', entered.url)
        return target

    def update(
        self, target_id: int, fields: Mapping[str, Any], revision: int | None = None
    ) -> NotificationTarget:
        """Given some fields, change them; without a `url` the stored one stays. Raise NotFound, InvalidInput or Conflict."""
        known = self._targets.get(target_id).model_dump()
        entered = checked(NotificationFields, {**known, **fields})
        changes = entered.model_dump(exclude={'url'})
        if entered.url:
            changes |= self._described(entered.url)
        with self._targets.transaction():
            target = self._targets.edit(target_id, changes, revision)
            if entered.url:
                self._vault.put(_owner(target_id), 'url', entered.url)
        return target

    def delete(self, target_id: int) -> None:
        """Given a target, forget it and its URL. Raise NotFound."""
        with self._targets.transaction():
            self._targets.remove(target_id)
            self._vault.forget(_owner(target_id))

    def url_of(self, target_id: int) -> str:
        """Given a target, return its URL. Raise StoreError if it cannot be decrypted, NotDelivered if there is none."""
        url = self._vault.get(_owner(target_id), 'url')
        if url is None:
            raise NotDelivered('The URL of this target is not stored.', 'Enter it again.', permanent=True)
        return url

    def _described(self, url: str) -> dict[str, str]:
        service = self._sender.describe(url)
        return {'service': service.name, 'url_shown': service.url_shown}


def wanted(target: NotificationTarget, messages: Sequence[Message]) -> list[Message]:
    """Given a target and some messages, return those that it is to get."""
    kinds = set(target.kinds)
    return [
        message
        for message in messages
        if (message.kind in kinds or message.also & kinds)
        and (target.job_ids is None or message.job_id is None or message.job_id in target.job_ids)
    ]


def _owner(target_id: int) -> str:
    return f'target:{target_id}'

"""What a user can do about notifications: say who is told of what, try it, and see what became of each message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plumbus.errors import InvalidInput, PlumbusError
from plumbus.events import Changed, EventBus
from plumbus.model import (
    Delivery,
    DeliveryTest,
    NotificationFields,
    NotificationSettingsView,
    NotificationTarget,
    Page,
    checked,
)
from plumbus.notify.outbox import Outbox
from plumbus.notify.preferences import Preferences
from plumbus.notify.services import Sender
from plumbus.notify.targets import Targets
from plumbus.services.records import revision_of

TITLE = 'A test message from PLUMBUS'
BODY = 'If you can read this, PLUMBUS can reach you here. It tells you of {kinds}.'
NO_KINDS = 'nothing yet: no kind of message is ticked'


@dataclass(kw_only=True, slots=True)
class Notifications:
    """Every call blocks until it is done; tests end within their time limit."""

    targets: Targets
    outbox: Outbox
    preferences: Preferences
    sender: Sender
    events: EventBus
    now: Callable[[], datetime]
    job_exists: Callable[[int], bool]

    def all(self) -> list[NotificationTarget]:
        """Return every target, oldest first."""
        return self.targets.all()

    def get(self, target_id: int) -> NotificationTarget:
        """Given an id, return the target. Raise NotFound."""
        return self.targets.get(target_id)

    def create(self, fields: Mapping[str, Any]) -> NotificationTarget:
        """Given what a user entered, store a target. Raise InvalidInput naming what is wrong."""
        self._check_jobs(fields)
        target = self.targets.create(fields)
        self._tell(target.id)
        return target

    def update(self, target_id: int, fields: Mapping[str, Any]) -> NotificationTarget:
        """Given some fields, change them; without a `url` the stored one stays.

        Raise NotFound, InvalidInput, or Conflict if `revision` is old.
        """
        self._check_jobs(fields)
        target = self.targets.update(target_id, fields, revision_of(fields))
        self._tell(target_id)
        return target

    def delete(self, target_id: int) -> None:
        """Given a target, forget it with its URL. Raise NotFound."""
        self.targets.delete(target_id)
        self._tell(target_id)

    def test(self, target_id: int) -> DeliveryTest:
        """Given a target, send it a test message now and tell what became of it. Raise NotFound."""
        target = self.targets.get(target_id)
        try:
            self._send(self.targets.url_of(target_id), target.kinds)
        except PlumbusError as error:
            self._note(target, error)
            return _not_sent(error)
        self._note(target, None)
        return _sent(target.service)

    def try_fields(self, fields: Mapping[str, Any]) -> DeliveryTest:
        """Given what a user is entering, send a test message without storing anything. Raise InvalidInput."""
        entered = checked(NotificationFields, {'name': 'test', **fields})
        if not entered.url:
            raise InvalidInput({'url': 'is needed'})
        service = self.sender.describe(entered.url)
        try:
            self._send(entered.url, entered.kinds)
        except PlumbusError as error:
            return _not_sent(error)
        return _sent(service.name)

    def deliveries(self, limit: int = 100, offset: int = 0) -> Page[Delivery]:
        """Return a page of what was sent and what waits, newest first."""
        return self.outbox.page(limit, offset)

    def settings(self) -> NotificationSettingsView:
        """Return how messages repeat and when the report goes out."""
        return self.preferences.get()

    def change_settings(self, fields: Mapping[str, Any]) -> NotificationSettingsView:
        """Given some of these fields, change them. Raise InvalidInput, or Conflict if `revision` is old."""
        settings = self.preferences.update(fields, revision_of(fields))
        self._tell(0)
        return settings

    def _check_jobs(self, fields: Mapping[str, Any]) -> None:
        named = fields.get('job_ids')
        for job_id in named if isinstance(named, list) else ():
            if not isinstance(job_id, int) or not self.job_exists(job_id):
                raise InvalidInput({'job_ids': 'must be numbers of jobs that there are'})

    def _send(self, url: str, kinds: list[Any]) -> None:
        named = ', '.join(kind.replace('_', ' ') for kind in kinds)
        self.sender.send(url, TITLE, BODY.format(kinds=named or NO_KINDS), 'info')

    def _note(self, target: NotificationTarget, error: PlumbusError | None) -> None:
        self.outbox.note(
            Delivery(
                target_id=target.id, target_name=target.name, kind='test', title=TITLE, attempts=1, ended_at=self.now(),
                status='failed' if error else 'delivered', error=str(error) if error else None,
            )
        )  # fmt: skip

    def _tell(self, target_id: int) -> None:
        self.events.publish(Changed(noun='notification', id=target_id, action='updated'))


def _sent(service: str) -> DeliveryTest:
    return DeliveryTest(success=True, message=f'{service} took the message. Look whether it arrived.')


def _not_sent(error: PlumbusError) -> DeliveryTest:
    return DeliveryTest(success=False, message='The test message could not be delivered.', error=str(error))

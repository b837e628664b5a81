"""Sample targets and deliveries behind the doors of notifications, for looking at pages and testing them."""

from datetime import timedelta
from typing import Any

from plumbus.errors import InvalidInput, NotFound
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
from tests.support import page_data

REFUSED = (
    'Telegram did not take the message: it refused the login or the token. '
    'Check the URL of this target, and whether the service can be reached from the PLUMBUS server.'
)


class Notifications:
    """Keeps what is entered; tests succeed but for Telegram."""

    def __init__(self, events: EventBus, *, empty: bool = False) -> None:
        self._events = events
        self.urls: dict[int, str] = {}
        self.tried = list[dict[str, Any]]()
        self.kept = NotificationSettingsView()
        self.targets = [] if empty else _targets()
        self.log = [] if empty else _deliveries()

    def all(self) -> list[NotificationTarget]:
        return list(self.targets)

    def get(self, number: int) -> NotificationTarget:
        for target in self.targets:
            if target.id == number:
                return target
        raise NotFound(f'There is no target {number}.')

    def create(self, fields: dict[str, Any]) -> NotificationTarget:
        entered = self._checked(fields)
        if not entered.url:
            raise InvalidInput({'url': 'is needed'})
        target = NotificationTarget(
            id=len(self.targets) + 1,
            service='Fake',
            url_shown='fake://…',
            **entered.model_dump(exclude={'url'}),
        )
        self.targets.append(target)
        self.urls[target.id] = entered.url
        self._events.publish(Changed(noun='notification', id=target.id, action='created'))
        return target

    def update(self, number: int, fields: dict[str, Any]) -> NotificationTarget:
        target = self.get(number)
        entered = self._checked({**target.model_dump(), **fields})
        for name, value in entered.model_dump(exclude={'url'}).items():
            setattr(target, name, value)
        if entered.url:
            self.urls[number] = entered.url
        return target

    def delete(self, number: int) -> None:
        self.targets.remove(self.get(number))

    def test(self, number: int) -> DeliveryTest:
        return self._tested(self.get(number).service)

    def try_fields(self, fields: dict[str, Any]) -> DeliveryTest:
        self._checked(fields)
        self.tried.append(fields)
        return self._tested('Fake')

    def deliveries(self, limit: int = 100, offset: int = 0) -> Page[Delivery]:
        return Page(items=self.log[offset : offset + limit], total=len(self.log))

    def settings(self) -> NotificationSettingsView:
        return self.kept

    def change_settings(self, fields: dict[str, Any]) -> NotificationSettingsView:
        self.kept = checked(NotificationSettingsView, {**self.kept.model_dump(), **fields})
        return self.kept

    def _checked(self, fields: dict[str, Any]) -> NotificationFields:
        entered = checked(NotificationFields, fields)
        if entered.url and 'nonsense' in entered.url:
            raise InvalidInput({'url': 'is no URL of a service that Apprise knows'})
        return entered

    def _tested(self, service: str) -> DeliveryTest:
        if service == 'Telegram':
            return DeliveryTest(
                success=False, message='The test message could not be delivered.', error=REFUSED
            )
        return DeliveryTest(success=True, message=f'{service} took the message. Look whether it arrived.')


def _targets() -> list[NotificationTarget]:
    return [
        NotificationTarget(id=1, name='Mail to Ada', service='E-Mail', url_shown='mailtos://…'),
        NotificationTarget(
            id=2, name='Family chat', service='Telegram', url_shown='tgram://…', kinds=['failed', 'overdue', 'disk_low'], job_ids=[1, 2, 3]
        ),
        NotificationTarget(id=3, name=page_data.LONG, service='JSON', url_shown='jsons://…', enabled=False),
    ]  # fmt: skip


def _deliveries() -> list[Delivery]:
    now = page_data.now()
    told: list[dict[str, Any]] = [
        {'kind': 'failed', 'title': 'Backup failed: home of garden-pi', 'attempts': 2, 'error': REFUSED, 'target_name': 'Family chat'},
        {'kind': 'failed', 'title': 'Backup failed: home of garden-pi', 'status': 'delivered', 'target_name': 'Mail to Ada'},
        {'kind': 'ping', 'title': '/start of home of garden-pi', 'status': 'failed', 'target_name': 'https://hc-ping.com/…',
         'error': 'It answered with status 404. Check the URL.'},
        {'kind': 'recovered', 'title': f'Backup works again: everything of {page_data.LONG}', 'status': 'delivered', 'target_name': 'Mail to Ada'},
        {'kind': 'weekly_report', 'title': 'Weekly report: all is well', 'status': 'delivered', 'target_name': 'Mail to Ada'},
        {'kind': 'test', 'title': f'A test {page_data.HOSTILE}', 'status': 'failed', 'error': REFUSED, 'target_name': 'Family chat'},
    ]  # fmt: skip
    return [
        Delivery(id=len(told) - place, created_at=now - timedelta(hours=place * place * 5), **fields)
        for place, fields in enumerate(told)
    ]

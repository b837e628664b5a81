"""Messages on their way: stored before they are sent, tried again for some hours, kept for a while as a log."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, PlumbusError
from plumbus.events import Changed, EventBus
from plumbus.model import Delivery, EventKind, NotificationTarget, Page
from plumbus.notify.attempt import NotDelivered
from plumbus.notify.messages import TONES, Message, digest
from plumbus.notify.services import Sender
from plumbus.notify.targets import Targets, wanted
from plumbus.store.documents import Documents

PAUSES_S = (60, 300, 1800, 7200)  # before each further attempt
STALE = timedelta(days=2)
MOST_WAITING = 500
MOST_AT_ONCE = 5  # of one kind; more of them become one message
KEPT = 1000
WAITING = {'status': 'waiting'}
log = logging.getLogger(__name__)


class Outbox:
    """`deliver` is called by a thread of its own; everything else returns at once."""

    def __init__(
        self,
        deliveries: Documents[Delivery],
        targets: Targets,
        sender: Sender,
        events: EventBus,
        now: Callable[[], datetime],
        *,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._deliveries = deliveries
        self._targets = targets
        self._sender = sender
        self._events = events
        self._now = now
        self._pauses_s = pauses_s

    def page(self, limit: int = 100, offset: int = 0) -> Page[Delivery]:
        """Return a page of what was sent and what waits, newest first."""
        return self._deliveries.select(limit=limit, offset=offset)

    def waiting(self) -> int:
        """Return how many are not delivered yet."""
        return self._deliveries.count(match=WAITING)

    def post(self, messages: Sequence[Message]) -> set[Message]:
        """Given messages, put each into the way to every target that wants it. Return those that someone wants."""
        taken: set[Message] = set()
        fresh: list[Delivery] = []
        for target in self._targets.all():
            if target.enabled and (mine := wanted(target, messages)):
                taken.update(mine)
                fresh += [self._addressed(target, message) for message in _gathered(mine)]
        self._add(fresh)
        return taken

    def has_targets(self) -> bool:
        """Whether anybody is to be told of anything."""
        return any(target.enabled for target in self._targets.all())

    def wants(self, kind: EventKind) -> bool:
        """Whether any target is to get messages of that kind."""
        return any(target.enabled and kind in target.kinds for target in self._targets.all())

    def note(self, delivery: Delivery) -> None:
        """Given a delivery that has ended already, keep it in the log."""
        self._add([delivery])

    def deliver(self, cancellation: Cancellation) -> None:
        """Send what is due: to each target in the order of the messages, which therefore wait for an earlier one."""
        waiting = self._deliveries.all(WAITING)
        for _, ours in groupby(sorted(waiting, key=_line), key=_line):
            for delivery in ours:
                cancellation.check()
                if (delivery.next_try or self._now()) > self._now() or not self._try(delivery):
                    break

    def _try(self, delivery: Delivery) -> bool:
        """Send it. Return whether the next one to this target may follow."""
        target = self._targets.find(delivery.target_id or 0)
        if target is None or not target.enabled:
            self._end(
                delivery, error='The target was removed or switched off before the message could be sent.'
            )
            return True
        if delivery.created_at and self._now() - delivery.created_at > STALE:
            self._end(delivery, error=f'It waited for two days. {delivery.error or ""}'.strip())
            return True
        try:
            url = self._targets.url_of(target.id)
            self._sender.send(url, delivery.title, delivery.body, TONES.get(delivery.kind, 'info'))
        except Cancelled:
            raise  # it stays as it is, and goes out after the next start
        except PlumbusError as error:
            return self._failed(delivery, error)
        self._set(
            delivery, status='delivered', attempts=delivery.attempts + 1, error=None, ended_at=self._now()
        )
        return True

    def _failed(self, delivery: Delivery, error: PlumbusError) -> bool:
        attempts = delivery.attempts + 1
        log.warning(
            'A message to %s was not delivered (attempt %d). %s', delivery.target_name, attempts, error
        )
        if attempts > len(self._pauses_s) or (isinstance(error, NotDelivered) and error.permanent):
            self._end(delivery, error=str(error), attempts=attempts)
            return True
        next_try = self._now() + timedelta(seconds=self._pauses_s[attempts - 1])
        self._set(delivery, attempts=attempts, error=str(error), next_try=next_try)
        return False

    def _end(self, delivery: Delivery, **changes: object) -> None:
        self._set(delivery, status='failed', ended_at=self._now(), **changes)

    def _set(self, delivery: Delivery, **changes: object) -> None:
        self._deliveries.set(delivery.id, **changes)
        self._events.publish(Changed(noun='notification', id=delivery.id, action='updated'))

    def _addressed(self, target: NotificationTarget, message: Message) -> Delivery:
        return Delivery(
            target_id=target.id,
            target_name=target.name,
            job_id=message.job_id,
            kind=message.kind,
            title=message.title,
            body=message.body,
            next_try=self._now(),
        )

    def _add(self, fresh: Sequence[Delivery]) -> None:
        if not fresh:
            return
        with self._deliveries.transaction():
            room = MOST_WAITING - self.waiting()
            for place, delivery in enumerate(fresh):
                if delivery.status == 'waiting' and place >= room:
                    full = {
                        'status': 'failed',
                        'error': 'Too many messages were waiting.',
                        'ended_at': self._now(),
                    }
                    delivery = delivery.model_copy(update=full)  # noqa: PLW2901
                self._deliveries.add(delivery)
            self._forget_old()
        self._events.publish(Changed(noun='notification', id=0, action='created'))

    def _forget_old(self) -> None:
        ended = self._deliveries.ids({'status': frozenset({'delivered', 'failed'})})
        if len(ended) > KEPT:
            self._deliveries.remove_all(ended[:-KEPT])


def _line(delivery: Delivery) -> int:
    return delivery.target_id or 0


def _gathered(messages: Iterable[Message]) -> list[Message]:
    """Given messages for one target, return them with many of a kind made one."""
    kinds: dict[str, list[Message]] = {}
    for message in messages:
        kinds.setdefault(message.kind, []).append(message)
    return [one for same in kinds.values() for one in ([digest(same)] if len(same) > MOST_AT_ONCE else same)]

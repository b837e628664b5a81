"""What is told when, to whom and how often: the rules of notifications, with a clock and a sender of our own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plumbus.cancellation import Cancellation
from plumbus.errors import InvalidInput, StoreError
from plumbus.events import EventBus
from plumbus.model import Backup, Client, Delivery, Job, NotificationSettings, NotificationTarget
from plumbus.notify.alerts import Alert, Alerts
from plumbus.notify.attempt import Attempts, NotDelivered
from plumbus.notify.messages import Writer
from plumbus.notify.outbox import KEPT, MOST_WAITING, PAUSES_S, Outbox
from plumbus.notify.services import Service, Tone, reason
from plumbus.notify.targets import Targets
from plumbus.notify.watch import Watch
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
GIGA = 10**9


class FakeSender:
    """Takes every message, or fails as told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.permanent = False

    def describe(self, url: str) -> Service:
        if '://' not in url:
            raise InvalidInput({'url': 'is no URL'})
        return Service(name='Fake', url_shown='fake://…')

    def send(self, url: str, title: str, body: str, tone: Tone) -> None:
        if url in self.broken:
            raise NotDelivered('It refused.', permanent=self.permanent)
        self.sent.append((url, title))


class World:
    """A store with one client, two jobs, two targets; time stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.time = START
        database = Database(folder)
        self.backups = Documents(database, 'backups', Backup, self.now)
        self.jobs = Documents(database, 'jobs', Job, self.now)
        self.clients = Documents(database, 'clients', Client, self.now)
        self.deliveries = Documents(database, 'deliveries', Delivery, self.now)
        self.stored_alerts = Documents(database, 'alerts', Alert, self.now)
        self.sender, self.settings = FakeSender(), NotificationSettings()
        documents = Documents(database, 'targets', NotificationTarget, self.now)
        self.targets = Targets(documents, Vault(database, 'a key'), self.sender)
        self.outbox = Outbox(self.deliveries, self.targets, self.sender, EventBus(), self.now)
        self.overdue: list[int] = []
        self.room = (500 * GIGA, 1000 * GIGA)
        self.client = self.clients.add(Client(name='pi', host='pi.local', username='pi'))
        self.job = self.add_job('home')
        self.restart()

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        return self.time.timestamp()

    def restart(self) -> None:
        """As after a start of PLUMBUS: only what is stored is left."""
        alerts = Alerts(self.stored_alerts)
        alerts.load()
        self.watch = Watch(
            backups=self.backups, jobs=self.jobs, clients=self.clients, alerts=alerts, outbox=self.outbox,
            writer=Writer(zone=ZoneInfo('Europe/Berlin'), public_url='https://plumbus.example/'), settings=lambda: self.settings,
            overdue=lambda: self.overdue, disk_space=lambda: self.room, now=self.now, monotonic=self.seconds,
        )  # fmt: skip

    def add_job(self, name: str) -> Job:
        return self.jobs.add(Job(client_id=self.client.id, name=name, source_paths=['/home']))

    def add_target(self, name: str = 'one', **fields: Any) -> NotificationTarget:
        return self.targets.create({'name': name, 'url': f'fake://{name}', **fields})

    def ends(self, status: str, job: Job | None = None, **fields: Any) -> Backup:
        """A backup of the job ends."""
        job = job or self.job
        return self.backups.add(
            Backup(job_id=job.id, job_name=job.name, client_id=self.client.id, client_name='pi', status=status,
                   start_time=self.time, end_time=self.time, backup_path='b' if status != 'failed' else None, **fields)
        )  # fmt: skip

    def look(self, **later: float) -> list[str]:
        """Let some time go by, look and deliver. Return what arrived."""
        self.time += timedelta(**(later or {'minutes': 1}))
        before = len(self.sender.sent)
        self.watch.look(Cancellation())
        self.outbox.deliver(Cancellation())
        return [title for _, title in self.sender.sent[before:]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / 'db')


class TestRepetition:
    """One message when it breaks, one when it heals, a reminder now and then."""

    def test_it_tells_a_failure_once_and_the_recovery_once(self, world: World) -> None:
        world.add_target()
        world.ends('completed')
        assert world.look() == []
        for _ in range(3):
            world.ends('failed', error_message='No answer. Switch it on.')
            arrived = world.look()
            assert arrived == (['Backup failed: home of pi'] if _ == 0 else [])
        world.ends('completed')
        assert world.look() == ['Backup works again: home of pi']
        assert world.look() == []

    def test_a_restart_repeats_nothing(self, world: World) -> None:
        world.add_target()
        world.ends('failed')
        world.look()
        world.restart()
        assert world.look() == []
        world.ends('completed')
        world.restart()
        assert world.look() == ['Backup works again: home of pi']

    def test_it_reminds_after_the_time_that_is_set(self, world: World) -> None:
        world.add_target()
        world.ends('failed')
        world.look()
        assert world.look(hours=23) == []
        assert world.look(hours=2) == ['Still: Backup failed: home of pi']
        assert world.look(hours=2) == []
        world.settings = NotificationSettings(reminder_hours=0)
        assert world.look(hours=200) == []

    def test_who_comes_later_hears_what_nobody_was_told_yet(self, world: World) -> None:
        world.ends('failed')
        assert world.look() == []
        world.add_target()
        assert world.look() == ['Backup failed: home of pi']

    def test_what_nobody_was_told_of_needs_no_all_clear(self, world: World) -> None:
        world.add_target(kinds=['recovered'])
        world.ends('failed')
        world.look()
        world.ends('completed')
        assert world.look() == []

    @pytest.mark.parametrize('status', ['cancelled', 'interrupted', 'running'])
    def test_a_backup_that_did_not_end_by_itself_says_nothing(self, world: World, status: str) -> None:
        world.add_target()
        world.ends('failed')
        world.look()
        world.ends(status)
        assert world.look() == []

    def test_warnings_are_told_like_failures_and_a_failure_is_worse(self, world: World) -> None:
        world.add_target()
        world.ends('warning', warnings=['/root: permission denied'])
        assert world.look() == ['Backup with warnings: home of pi']
        world.ends('failed')
        assert world.look() == ['Backup failed: home of pi']
        world.ends('warning')
        assert world.look() == ['Backup works again, with warnings: home of pi']
        world.ends('completed')
        assert world.look() == ['Backup works again: home of pi']

    def test_another_host_key_is_told_as_what_it_is(self, world: World) -> None:
        world.add_target()
        world.add_target('keys', kinds=['host_key_changed'])
        world.ends('failed', cause='timeout')
        assert world.look() == ['Backup failed: home of pi']
        world.ends('failed', cause='host_key_changed')
        assert world.look() == ['pi shows another host key'] * 2

    def test_a_job_that_is_deleted_is_forgotten_without_a_word(self, world: World) -> None:
        world.add_target()
        world.ends('failed')
        world.look()
        world.jobs.remove(world.job.id)
        assert world.look() == []
        assert world.watch.alerts.all() == []

    def test_a_job_that_is_switched_off_is_not_praised(self, world: World) -> None:
        world.add_target()
        world.look()
        world.overdue = [world.job.id]
        assert world.look(minutes=15) == ['Backup overdue: home of pi']
        world.overdue = []
        assert world.look(minutes=15) == []


class TestOverdue:
    """What should have run long ago."""

    def test_it_waits_after_a_start_until_jobs_have_caught_up(self, world: World) -> None:
        world.add_target()
        world.overdue = [world.job.id]
        assert world.look(minutes=1) == []
        assert world.look(minutes=9) == []
        assert world.look(minutes=9) == ['Backup overdue: home of pi']

    def test_it_heals_with_the_next_good_backup_also_over_a_restart(self, world: World) -> None:
        world.add_target()
        world.overdue = [world.job.id]
        world.look()
        world.look(minutes=15)
        world.restart()
        assert world.look() == []
        world.ends('completed')
        world.overdue = []
        assert world.look(minutes=15) == ['Backup works again: home of pi']

    def test_a_job_that_fails_is_not_called_overdue_as_well(self, world: World) -> None:
        world.add_target()
        world.ends('failed')
        world.look()
        world.overdue = [world.job.id]
        assert world.look(minutes=15) == []


class TestDiskAndDamage:
    """What concerns no single backup."""

    def test_a_full_disk_is_told_once_and_does_not_go_to_and_fro(self, world: World) -> None:
        world.add_target()
        world.room = (99 * GIGA, 1000 * GIGA)
        assert world.look() == ['The disk of the backups is almost full']
        world.room = (101 * GIGA, 1000 * GIGA)
        assert world.look() == []
        world.room = (121 * GIGA, 1000 * GIGA)
        assert world.look() == ['The disk of the backups has room again']

    def test_a_disk_that_is_not_there_is_not_full(self, world: World) -> None:
        world.add_target()
        world.room = (0, 0)
        assert world.look() == []

    def test_a_damaged_snapshot_is_told_until_it_is_sound_or_gone(self, world: World) -> None:
        world.add_target()
        backup = world.ends('completed')
        world.backups.set(backup.id, verify_status='damaged', verify_errors=['/etc/fstab is not as it was.'])
        assert world.look() == ['Snapshot damaged: home of pi']
        assert '/etc/fstab' in world.deliveries.all()[-1].body
        world.ends('completed')
        assert world.look() == []
        world.backups.set(backup.id, backup_path=None)
        assert world.look() == ['No damaged snapshot any more: home of pi']


class TestTargets:
    """Who gets what."""

    def test_only_the_kinds_and_jobs_that_are_wanted(self, world: World) -> None:
        other = world.add_job('etc')
        world.add_target('all')
        world.add_target('warnings', kinds=['warning'])
        world.add_target('etc', job_ids=[other.id])
        world.add_target('off', enabled=False)
        world.ends('failed')
        world.ends('failed', other)
        world.room = (GIGA, 1000 * GIGA)
        world.look()
        urls = [url for url, _ in world.sender.sent]
        assert urls.count('fake://all') == 3
        assert urls.count('fake://etc') == 2, 'its job and the disk'
        assert set(urls) == {'fake://all', 'fake://etc'}

    def test_many_at_once_become_one(self, world: World) -> None:
        world.add_target()
        for number in range(60):
            world.ends('failed', world.add_job(f'job {number}'))
        assert world.look() == ['60 backups failed']
        body = world.deliveries.all()[0].body
        assert body.count('\n') == 50
        assert body.endswith('and 10 more')

    def test_a_url_goes_into_the_vault_and_stays_there(self, world: World) -> None:
        target = world.add_target('secret')
        assert 'fake://secret' not in target.model_dump_json()
        assert world.targets.url_of(target.id) == 'fake://secret'
        world.targets.update(target.id, {'name': 'new name', 'kinds': ['failed', 'failed']})
        assert world.targets.url_of(target.id) == 'fake://secret'
        assert world.targets.get(target.id).kinds == ['failed']
        world.targets.delete(target.id)
        with pytest.raises(NotDelivered):
            world.targets.url_of(target.id)

    @pytest.mark.parametrize(
        ('fields', 'wrong'),
        [
            ({'url': ''}, 'url'),
            ({'url': 'nonsense'}, 'url'),
            ({'kinds': ['fleeb']}, 'kinds'),
            ({'name': ''}, 'name'),
        ],
    )
    def test_it_refuses_what_cannot_be(self, world: World, fields: dict[str, Any], wrong: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            world.targets.create({'name': 'x', 'url': 'fake://x', **fields})
        assert wrong in refused.value.fields


class TestDelivery:
    """Messages on their way."""

    def test_it_tries_again_later_and_keeps_the_order(self, world: World) -> None:
        world.add_target()
        world.sender.broken = {'fake://one'}
        world.ends('failed')
        world.look()
        world.ends('completed')
        world.look(seconds=10)
        first, second = world.deliveries.all()
        assert (first.status, first.attempts, first.error) == ('waiting', 1, 'It refused.')
        assert second.attempts == 0, 'it waits for the one before it'
        world.sender.broken = set()
        assert world.look(seconds=PAUSES_S[0]) == [
            'Backup failed: home of pi',
            'Backup works again: home of pi',
        ]

    def test_it_gives_up_after_some_hours(self, world: World) -> None:
        world.add_target()
        world.sender.broken = {'fake://one'}
        world.ends('failed')
        world.look()
        for pause in PAUSES_S:
            world.look(seconds=pause + 1)
        (gone,) = world.deliveries.all()
        assert (gone.status, gone.attempts, gone.error) == ('failed', len(PAUSES_S) + 1, 'It refused.')

    def test_it_gives_up_at_once_where_trying_is_no_use(self, world: World) -> None:
        world.add_target()
        world.sender.broken, world.sender.permanent = {'fake://one'}, True
        world.ends('failed')
        world.look()
        assert world.deliveries.all()[0].status == 'failed'

    def test_what_is_old_is_not_sent_any_more(self, world: World) -> None:
        world.add_target()
        world.sender.broken = {'fake://one'}
        world.ends('failed')
        world.look()
        world.ends('completed')
        world.look(seconds=5)
        world.sender.broken = set()
        assert world.look(hours=49) == []
        assert [one.status for one in world.deliveries.all()] == ['failed', 'failed']
        assert world.deliveries.all()[0].error == 'It waited for two days. It refused.'

    def test_what_the_store_does_not_take_is_told_later(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add_target()
        world.ends('failed')
        with monkeypatch.context() as broken:
            broken.setattr(Watch, '_tell', lambda *_: (_ for _ in ()).throw(StoreError('Full.')))
            with pytest.raises(StoreError):
                world.look()
        assert world.watch.alerts.all() == world.stored_alerts.all() == []
        assert world.look() == ['Backup failed: home of pi']

    def test_a_dead_target_does_not_keep_the_others_waiting(self, world: World) -> None:
        world.add_target()
        world.add_target('two')
        world.sender.broken = {'fake://one'}
        world.ends('failed')
        assert world.look() == ['Backup failed: home of pi']

    def test_a_target_that_is_removed_takes_its_messages_along(self, world: World) -> None:
        target = world.add_target()
        world.sender.broken = {'fake://one'}
        world.ends('failed')
        world.look()
        world.targets.delete(target.id)
        world.look(hours=1)
        assert 'removed' in str(world.deliveries.all()[0].error)

    def test_what_waits_and_what_is_kept_has_a_limit(self, world: World) -> None:
        target = world.add_target()
        message = Writer(zone=UTC).disk_fine('1 GB', 50)
        for _ in range(3):
            world.outbox._add([world.outbox._addressed(target, message)] * MOST_WAITING)
        waiting = [one for one in world.deliveries.all() if one.status == 'waiting']
        assert len(waiting) == MOST_WAITING
        assert len(world.deliveries.all()) - len(waiting) <= KEPT


class TestAttempts:
    """Sending always has an end."""

    def test_what_hangs_is_given_up(self) -> None:
        attempts, never = Attempts(most_stuck=2), Cancellation()
        for _ in range(2):
            with pytest.raises(NotDelivered, match='within 0 seconds'):
                attempts.within(0.01, lambda: never.wait(60))
        with pytest.raises(NotDelivered, match='hang'):
            attempts.within(0.01, lambda: never.wait(60))
        never.cancel('the end')

    def test_it_hands_on_what_happened(self) -> None:
        def fail() -> None:
            raise NotDelivered('No.')

        assert Attempts().within(10, lambda: 7) == 7
        with pytest.raises(NotDelivered, match='No'):
            Attempts().within(10, fail)


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('[Errno 111] Connection refused', 'the machine refused the connection'),
        ("NameResolutionError: Failed to resolve 'x'", 'its name is not known'),
        ('Read timed out. (read timeout=4.0)', 'it did not answer in time'),
        ("SMTP (535, b'5.7.8 Authentication failed')", 'it refused the login or the token'),
        ('Failed to send JSON notification: Forbidden, error=403.', 'it refused the login or the token'),
        ('Failed to send ntfy: error=404.', 'it does not know that address (404)'),
        ('Failed: Internal Server Error, error=500.', 'it has a trouble of its own'),
        ('whatever at https://secret-token', 'it did not say why'),
    ],
)
def test_reasons_are_plain_words_without_anything_of_the_url(line: str, words: str) -> None:
    assert reason([line]) == words


def test_a_message_leads_to_where_one_can_do_something(world: World) -> None:
    world.add_target()
    backup = world.ends('failed', error_message='No answer. Switch it on.')
    world.look()
    body = world.deliveries.all()[0].body
    assert 'Mon 23 Nov 2026, 03:00' in body
    assert 'No answer. Switch it on.' in body
    assert body.endswith(f'https://plumbus.example/backups/{backup.id}')

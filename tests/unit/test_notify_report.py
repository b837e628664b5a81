"""The weekly report, its forecast, and when it goes out; and the ping URLs of jobs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from plumbus.errors import Conflict, InvalidInput
from plumbus.model import Backup, Client, Job, NotificationSettings
from plumbus.notify.pings import PingUrls, ending, shown, with_signal
from plumbus.notify.preferences import Preferences, StoredPreferences
from plumbus.notify.report import Reporter, daily_growth, forecast, last_due
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BERLIN = ZoneInfo('Europe/Berlin')
GIGA = 10**9


def test_the_report_says_what_was_protected_what_failed_and_how_long_the_disk_lasts(tmp_path: Path) -> None:
    database = Database(tmp_path / 'db')
    backups, jobs = Documents(database, 'backups', Backup), Documents(database, 'jobs', Job)
    clients = Documents(database, 'clients', Client)
    clients.add(Client(name='pi', host='pi', username='pi'))
    for name in ('home', 'etc', 'idle'):
        jobs.add(Job(client_id=1, name=name, source_paths=['/x'], enabled=name != 'idle'))
    for day in range(20):
        ended = NOW - timedelta(days=19.5 - day)
        backups.add(
            Backup(
                job_id=1,
                client_id=1,
                status='completed',
                end_time=ended,
                disk_bytes=GIGA,
                backup_path=f'{day}',
            )
        )
        backups.add(Backup(job_id=2, client_id=1, status='failed', end_time=ended))
    reporter = Reporter(
        backups=backups, jobs=jobs, clients=clients, overdue=lambda: [2], disk_space=lambda: (120 * GIGA, 1000 * GIGA),
        reserve_percent=2,
    )  # fmt: skip
    title, *lines = reporter.lines(NOW)
    assert title == 'Weekly report: 1 job needs attention'
    assert lines == [
        '1 of 2 jobs that are on were backed up. 14 backups in the last seven days: 7 went well, 0 with warnings, 7 failed.',
        'Not well now:\n- etc of pi: the last backup failed, overdue',
        'The snapshots take 20.0 GB and grew by 7.0 GB this week. 120.0 GB of 1.0 TB are free.',
        'If it goes on like this (about 1.0 GB a day), the disk will be full in about 100 days.',
    ]


@pytest.mark.parametrize(
    ('growth', 'words'),
    [
        ([], 'after a week'),
        ([(NOW - timedelta(days=3), GIGA)], 'after a week'),
        ([(NOW - timedelta(days=10), GIGA)], 'not be full in the next years'),
        (
            [(NOW - timedelta(days=10), 9 * GIGA), (NOW - timedelta(days=1), -8 * GIGA)],
            'not be full in the next years',
        ),
        ([(NOW - timedelta(days=day), 200 * GIGA) for day in range(10)], 'within a day'),
    ],
)
def test_it_forecasts_only_what_can_be_known(growth: list[tuple[datetime, int]], words: str) -> None:
    assert words in forecast(growth, 100 * GIGA, NOW)


def test_the_trend_is_that_of_the_last_four_weeks() -> None:
    before = [(NOW - timedelta(days=day), 50 * GIGA) for day in range(40, 90)]
    steady = [(NOW - timedelta(days=day + 0.5), GIGA) for day in range(28)]
    assert daily_growth(before + steady, NOW) == pytest.approx(GIGA, rel=0.01)


@pytest.mark.parametrize(
    ('now', 'due'),
    [
        ('2026-11-23T07:59:00+01:00', '2026-11-16T08:00:00+01:00'),
        ('2026-11-23T08:00:00+01:00', '2026-11-23T08:00:00+01:00'),
        ('2026-11-29T23:00:00+01:00', '2026-11-23T08:00:00+01:00'),
        ('2026-03-31T08:00:00+02:00', '2026-03-30T08:00:00+02:00'),
    ],
)
def test_it_goes_out_at_the_day_and_hour_that_are_set(now: str, due: str) -> None:
    found = last_due(NotificationSettings(), BERLIN, datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(due)


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(
        Documents(Database(tmp_path / 'db'), 'notification_settings', StoredPreferences), lambda: NOW
    )


def test_the_first_report_waits_for_a_week_to_report_of(preferences: Preferences) -> None:
    assert preferences.reported_at() == NOW
    preferences.update({'report_weekday': 4})
    assert preferences.get().report_weekday == 4
    assert preferences.reported_at() == NOW
    with pytest.raises(InvalidInput):
        preferences.update({'report_hour': 24})


def test_of_many_who_save_at_once_one_succeeds(preferences: Preferences) -> None:
    preferences.report_is_out()
    began, together = preferences.get().revision, threading.Barrier(8)

    def save(percent: int) -> bool:
        together.wait(10)
        try:
            preferences.update({'disk_low_percent': percent}, began)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(save, range(20, 28)))
    assert [preferences.get().disk_low_percent] == [20 + at for at, good in enumerate(saved) if good]
    assert preferences.get().revision == began + 1
    with pytest.raises(Conflict, match='Someone changed these settings in the meantime'):
        preferences.update({'disk_low_percent': 50}, began)


def test_two_who_change_different_settings_both_succeed(preferences: Preferences) -> None:
    preferences.update({'disk_low_percent': 20})
    preferences.update({'reminder_hours': 5})
    assert (preferences.get().disk_low_percent, preferences.get().reminder_hours) == (20, 5)


@pytest.mark.parametrize(
    ('url', 'signal', 'called'),
    [
        ('https://hc-ping.com/uuid', '', 'https://hc-ping.com/uuid'),
        ('https://hc-ping.com/uuid', '/start', 'https://hc-ping.com/uuid/start'),
        ('https://hc-ping.com/uuid/', '/12', 'https://hc-ping.com/uuid/12'),
        ('http://kuma:3001/api/push/x?status=up', '/fail', 'http://kuma:3001/api/push/x/fail?status=up'),
    ],
)
def test_a_ping_appends_to_the_path(url: str, signal: str, called: str) -> None:
    assert with_signal(url, signal) == called


@pytest.mark.parametrize(
    ('status', 'code', 'appended'),
    [('completed', 0, ''), ('warning', 23, ''), ('failed', 12, '/12'), ('failed', None, '/fail'), ('failed', -9, '/fail'),
     ('cancelled', None, '/fail'), ('interrupted', None, '/fail')],
)  # fmt: skip
def test_the_end_is_told_with_its_exit_code(status: str, code: int | None, appended: str) -> None:
    assert ending(Backup(job_id=1, client_id=1, status=status, exit_code=code)) == appended


@pytest.mark.parametrize(
    'url',
    ['file:///etc/passwd', 'ftp://x/y', 'gopher://x', 'https://', 'hc-ping.com/uuid', 'https://a b/c', 'http://[::1', 'http://x:99999/'],
)  # fmt: skip
def test_only_web_addresses_are_pinged(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        PingUrls(Vault(Database(tmp_path / 'db'), 'a key')).check(url)
    assert 'ping_url' in refused.value.fields


def test_only_where_a_ping_leads_is_shown() -> None:
    assert shown('https://me:geheim@hc-ping.com:8443/uuid?x=1') == 'https://hc-ping.com:8443/…'
    assert shown('http://[::1]/uuid') == 'http://[::1]/…'

"""The audit log: lines that are added and never changed, whatever stands in names; read back filtered and paged."""

import json
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from plumbus.model import Actor, Scope
from plumbus.services.audit import Audit
from plumbus.store.audit_file import AuditFile

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ADA = Actor(name='ada', kind='user', scope=Scope.ADMIN, address='10.0.0.9')


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    moments = (NOW + timedelta(minutes=minute) for minute in range(10_000))
    return Audit(file=AuditFile(tmp_path / 'logs'), now=lambda: next(moments))


def lines(folder: Path) -> list[str]:
    return (folder / 'logs' / 'audit.log').read_text(encoding='utf-8').splitlines()


def test_it_tells_who_did_what_to_what_from_where_and_when(audit: Audit, tmp_path: Path) -> None:
    audit.record('job.run', ADA, object='job 3 Home')
    audit.record('login', None, address='10.0.0.7', outcome='refused', error='Wrong.')
    first, second = map(json.loads, lines(tmp_path))
    assert first == {
        'time': '2026-11-23T02:00:00Z', 'who': 'ada', 'kind': 'user', 'address': '10.0.0.9', 'action': 'job.run',
        'object': 'job 3 Home', 'details': '', 'outcome': 'done', 'error': '',
    }  # fmt: skip
    assert (second['who'], second['address'], second['outcome']) == ('nobody', '10.0.0.7', 'refused')
    assert (tmp_path / 'logs' / 'audit.log').stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    'name', ['a\n{"who": "eve"}', 'a\r\nb', 'a\u2028b', 'a\x00b', 'half \ud800', '\x1b[31mred', 'x' * 100_000, '\u202egnp']
)  # fmt: skip
def test_no_name_forges_a_line(audit: Audit, tmp_path: Path, name: str) -> None:
    audit.record('client.create', ADA, object=name, details=name, error=name)
    audit.record('client.create', ADA, object='the next')
    assert len(lines(tmp_path)) == 2
    entries = audit.page().items
    assert [entry.who for entry in entries] == ['ada', 'ada']
    assert entries[1].object.isprintable()
    assert len(entries[1].object) < 2500


def test_it_finds_the_newest_first_by_what_is_asked(audit: Audit) -> None:
    eve = Actor(name='eve', kind='token', scope=Scope.READ)
    for number in range(5):
        audit.record('job.run', ADA, object=f'job {number}')
    audit.record('jobs', eve, outcome='refused')
    audit.record('job.delete', eve, object='job 1 Photos', outcome='refused')
    assert [entry.action for entry in audit.page(limit=2).items] == ['job.delete', 'jobs']
    assert audit.page(limit=2, offset=2).items[0].object == 'job 4'
    assert audit.page().total == 7
    assert audit.page(who='eve').total == 2
    assert audit.page(action='job').total == 6
    assert audit.page(action='job.run').total == 5
    assert audit.page(outcome='refused').total == 2
    assert audit.page(search='PHOTOS').total == 1
    since = NOW + timedelta(minutes=3)
    assert audit.page(since=since).total == 4
    assert audit.page(until=since).total == 3
    assert audit.actors() == ['ada', 'eve']


def test_a_full_file_is_set_aside_and_kept(tmp_path: Path) -> None:
    audit = Audit(file=AuditFile(tmp_path / 'logs', largest_bytes=300))
    for number in range(10):
        audit.record('job.run', ADA, object=f'job {number}')
    assert len(list((tmp_path / 'logs').glob('audit-*.log'))) >= 3
    found = [entry.object for entry in audit.page().items]
    assert found == [f'job {number}' for number in reversed(range(10))]


def test_what_is_no_entry_is_passed_over(audit: Audit, tmp_path: Path) -> None:
    audit.record('job.run', ADA)
    path = tmp_path / 'logs' / 'audit.log'
    path.write_bytes(path.read_bytes() + b'{"time": "20')  # the power went off
    audit.record('job.run', ADA)
    assert audit.page().total == 2


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / 'logs').write_text('no folder')
    Audit(file=AuditFile(tmp_path / 'logs')).record('job.run', ADA)
    assert 'The audit log lacks “job.run” by ada' in caplog.text


def _many(folder: Path, who: str) -> None:
    audit = Audit(file=AuditFile(folder / 'logs', largest_bytes=2000))
    for number in range(30):
        audit.record('job.run', Actor(name=who, kind='command', scope=Scope.ADMIN), object=str(number))


def test_two_processes_lose_no_line(tmp_path: Path) -> None:
    processes = [get_context('spawn').Process(target=_many, args=(tmp_path, who)) for who in ('one', 'other')]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    audit = Audit(file=AuditFile(tmp_path / 'logs'))
    assert [audit.page(who=who).total for who in ('one', 'other')] == [30, 30]

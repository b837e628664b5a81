"""A job fails, fails again and heals: who is told, how often, and that no dead target holds up a backup."""

from pathlib import Path
from typing import Any

import pytest

from plumbus.engine import Engine
from plumbus.model import Backup, Delivery
from tests.support.engines import back_up, job_for, running_engine, until, write
from tests.support.receivers import MailReceiver, WebReceiver
from tests.support.sshd import Sshd

SECRET = 'a-token-that-nobody-may-see'


@pytest.fixture
def flag(source: Path, sshd: Sshd) -> Path:
    """As long as this file is missing, backups of the job fail."""
    write(source / 'notes.txt', 'fleeb', sshd)
    return source / 'mended'


def job_that_fails(engine: Engine, sshd: Sshd, flag: Path, **fields: Any) -> int:
    return job_for(engine, sshd, flag.parent, name='home', pre_command=f'test -e {flag}', **fields).id


def settled(engine: Engine, backup: Backup) -> None:
    """Wait until everything about a backup is told: its alert is stored, and nothing waits."""
    wanted = 'failed' if not backup.status.good else None
    alerts = engine._notifier.alerts
    until(lambda: getattr(alerts.get(f'job:{backup.job_id}'), 'state', None) == wanted, 'the look')
    until(lambda: not waiting(engine), 'the delivery')


def waiting(engine: Engine) -> list[Delivery]:
    return [one for one in engine.notifications.deliveries().items if one.status == 'waiting']


def test_mail_and_webhook_get_one_message_when_it_breaks_and_one_when_it_heals(
    engine: Engine, sshd: Sshd, flag: Path
) -> None:
    with MailReceiver() as mail, WebReceiver() as web:
        engine.notifications.create(
            {'name': 'Mail', 'url': f'mailto://{mail.address}/?from=plumbus@example.com&to=ada@example.com'}
        )
        engine.notifications.create({'name': 'Hook', 'url': f'json://{web.address}/{SECRET}'})
        job_id = job_that_fails(engine, sshd, flag)
        for _ in range(2):
            failed = back_up(engine, job_id)
            settled(engine, failed)
        write(flag, '', sshd)
        healed = back_up(engine, job_id)
        settled(engine, healed)

        assert failed.status == 'failed'
        assert healed.status == 'completed'
        titles = ['Backup failed: home of sample', 'Backup works again: home of sample']
        assert [message['title'] for message in web.messages] == titles
        assert [message['type'] for message in web.messages] == ['failure', 'success']
        assert [mail['subject'] for mail in mail.mails] == titles
        told = web.messages[0]['message']
        assert 'The command before the backup ended with exit code 1.' in told, 'the cause'
        assert 'mend the command in the job' in told, 'the remedy'
        body = mail.mails[0].get_body()
        assert 'The command before the backup ended' in body.get_content()
        log = engine.notifications.deliveries().items
        assert [one.status for one in log] == ['delivered'] * 4
        assert SECRET not in ''.join(one.model_dump_json() for one in log)


def test_a_restart_repeats_nothing_and_loses_nothing(tmp_path: Path, sshd: Sshd, flag: Path) -> None:
    with WebReceiver() as web:
        with running_engine(tmp_path / 'data') as engine:
            engine.notifications.create({'name': 'Hook', 'url': f'json://{web.address}/'})
            job_id = job_that_fails(engine, sshd, flag)
            settled(engine, back_up(engine, job_id))
        with running_engine(tmp_path / 'data') as engine:
            settled(engine, back_up(engine, job_id))
            assert len(web.messages) == 1
            engine._notifier.stop('interrupted', 5)  # it dies before it has looked
            write(flag, '', sshd)
            back_up(engine, job_id)
        with running_engine(tmp_path / 'data') as engine:
            until(lambda: len(web.messages) == 2, 'the message about what happened before the restart')
            assert web.messages[1]['title'].startswith('Backup works again')


def test_who_is_added_hears_at_once_what_is_not_well(engine: Engine, sshd: Sshd, flag: Path) -> None:
    settled(engine, back_up(engine, job_that_fails(engine, sshd, flag)))
    with WebReceiver() as web:
        engine.notifications.create({'name': 'Hook', 'url': f'json://{web.address}/'})
        until(lambda: web.messages, 'the message')
        assert web.messages[0]['title'] == 'Backup failed: home of sample'


def test_a_dead_target_holds_up_no_backup_and_the_log_tells_why(
    engine: Engine, sshd: Sshd, flag: Path
) -> None:
    with WebReceiver() as hanging, WebReceiver() as web:
        hanging.hold.clear()
        with WebReceiver() as gone:
            dead = f'json://{gone.address}/{SECRET}'
        engine.notifications.create({'name': 'Dead', 'url': dead})
        engine.notifications.create({'name': 'Hanging', 'url': f'json://{hanging.address}/'})
        engine.notifications.create({'name': 'Hook', 'url': f'json://{web.address}/'})
        job_id = job_that_fails(engine, sshd, flag)
        assert back_up(engine, job_id).status == 'failed'
        write(flag, '', sshd)
        assert back_up(engine, job_id).status == 'completed'

        def tried() -> dict[str, Delivery]:
            found = {
                one.target_name: one
                for one in engine.notifications.deliveries().items
                if one.kind == 'failed'
            }
            return found if len(found) == 3 and all(one.attempts for one in found.values()) else {}

        told = until(tried, 'an attempt at each target')
        assert told['Hook'].status == 'delivered'
        assert told['Dead'].status == told['Hanging'].status == 'waiting'
        assert 'the machine refused the connection' in str(told['Dead'].error)
        assert 'it did not answer in time' in str(told['Hanging'].error)
        assert told['Dead'].next_try
        assert SECRET not in str(told['Dead'])


def test_the_ping_url_of_a_job_is_called_at_start_failure_and_success(
    engine: Engine, sshd: Sshd, flag: Path
) -> None:
    with WebReceiver() as web:
        job_id = job_that_fails(engine, sshd, flag, ping_url=f'http://{web.address}/{SECRET}?rid=1')
        back_up(engine, job_id)
        until(lambda: len(web.paths) == 2, 'the pings of the failure')
        write(flag, '', sshd)
        back_up(engine, job_id)
        until(lambda: len(web.paths) == 4, 'the pings of the success')
        paths = [path.removeprefix(f'/{SECRET}').removesuffix('?rid=1') for path in web.paths]
        assert paths[0::2] == ['/start', '/start']
        assert paths[1] in {'/1', '/fail'}
        assert paths[3] == ''
        assert SECRET not in engine.jobs.get(job_id).model_dump_json()
        assert engine.jobs.get(job_id).ping_shown == f'http://{web.address}/…'


def test_a_ping_that_fails_harms_nothing_and_stands_in_the_log(
    engine: Engine, sshd: Sshd, flag: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine._notifier.pinger._pause_s = 0
    with WebReceiver(status=302) as web, WebReceiver() as elsewhere:
        web.location = f'http://{elsewhere.address}/inside'
        write(flag, '', sshd)
        job_id = job_that_fails(engine, sshd, flag, ping_url=f'http://{web.address}/{SECRET}')
        assert back_up(engine, job_id).status == 'completed'
        until(lambda: len(engine.notifications.deliveries().items) == 2, 'two entries in the log')
        assert not elsewhere.requests, 'nobody is followed elsewhere'
        newest, first = engine.notifications.deliveries().items
        assert newest.title.startswith('success of home')
        assert first.title.startswith('/start of home')
        assert first.error == 'It answered with status 302. Check the URL.'
        assert SECRET not in caplog.text + newest.model_dump_json() + first.model_dump_json()


def test_a_test_message_tells_what_became_of_it(engine: Engine) -> None:
    with WebReceiver() as web:
        target = engine.notifications.create(
            {'name': 'Hook', 'url': f'json://{web.address}/', 'kinds': ['overdue']}
        )
        good = engine.notifications.test(target.id)
        assert good.success
        assert web.messages[0]['title'] == 'A test message from PLUMBUS'
        web.status = 403
        bad = engine.notifications.test(target.id)
        assert (bad.success, bad.message) == (False, 'The test message could not be delivered.')
        assert 'it refused the login or the token' in str(bad.error)
        assert [one.status for one in engine.notifications.deliveries().items] == ['failed', 'delivered']
        assert engine.notifications.try_fields({'url': f'json://{web.address}/'}).success is False

"""Nothing says running that does not run, and nothing runs unknown: here, and on the client, whatever dies or hangs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from plumbus.backup import execution, rsync_runs
from plumbus.backup.attempt import Attempt
from plumbus.backup.runner import BackupRunner
from plumbus.cancellation import Cancellation
from plumbus.engine import Engine
from plumbus.errors import StoreError
from plumbus.failures import failed
from plumbus.model import Backup, JobView, Restore, Status, Trigger
from plumbus.scheduling.queue import Ticket
from plumbus.store.database import Database
from plumbus.transfer import process as process_runner
from plumbus.transfer.children import Child, Children
from plumbus.transfer.processes import process, processes, variable
from tests.support.engines import DEADLINE_S, back_up, job_for, running_engine, settings, until, write
from tests.support.marks import needs_root
from tests.support.processes import command, end, freeze, lives, running
from tests.support.served import Served
from tests.support.sshd import Sshd

SLOW = {'bandwidth_limit_kib': 200}
# An rsync over there that hears neither the broken pipe nor a request to end, and goes on for ever.
DEAF = """\
#!/bin/sh
trap '' PIPE HUP TERM INT
{rsync} "$@" && exit
{sleep} 3600
"""


@pytest.fixture
def big(source: Path, sshd: Sshd) -> Path:
    """A folder of the client that takes minutes at the speed of `SLOW`."""
    (source / 'big').write_bytes(os.urandom(20 * 2**20))
    os.chown(source / 'big', *sshd.ids)
    return source


@pytest.fixture(autouse=True)
def nothing_left(sshd: Sshd) -> Iterator[None]:
    """What a failed test leaves on the client must not disturb the next one."""
    yield
    end(*over_there(sshd))


def over_there(sshd: Sshd, word: str = '') -> list[int]:
    """What runs on the sample client: sshd gives every session this variable, its own port at the end."""
    return [
        one.pid
        for one in processes()
        if variable(one.pid, 'SSH_CONNECTION').endswith(f' {sshd.port}') and word in command(one.pid)
    ]


def fetching(engine: Engine, sshd: Sshd, job: JobView) -> Backup:
    """Start a backup and return it once files flow."""
    backup = engine.jobs.run(job.id)
    until(
        lambda: (p := engine.backups.get(backup.id).progress) and p.phase == 'fetching' and p.bytes,
        'the flow of files',
    )
    return engine.backups.get(backup.id)


def cancelled(engine: Engine, backup: Backup) -> Backup:
    """Cancel a backup and return it ended, with nothing of it left on this machine."""
    engine.backups.cancel(backup.id)
    ended = engine.backups.wait(backup.id, DEADLINE_S)
    assert ended.status is Status.CANCELLED
    assert noted(engine.settings.data_dir) == []
    return ended


def noted(data_dir: Path) -> list[Child]:
    """The children of backups and restores; what removes old files in the background belongs to none of them."""
    return [child for child in Children(data_dir / 'run').all() if child.run_id]


def log_of(engine: Engine, backup: Backup) -> str:
    return '\n'.join(engine.backups.log_tail(backup.id))


# --- what runs is noted ---


def test_a_running_backup_is_noted_with_its_children(engine: Engine, sshd: Sshd, big: Path) -> None:
    backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
    children = {child.program: child for child in noted(engine.settings.data_dir)}
    assert [*sorted(children)] == ['rsync', 'ssh']
    for program, child in children.items():
        assert (child.kind, child.run_id) == ('backup', backup.id)
        assert command(child.pid).startswith(f'{program} ')
        assert os.getpgid(child.pid) == child.group
    cancelled(engine, backup)


def test_a_look_leaves_alone_what_runs(engine: Engine, sshd: Sshd, big: Path) -> None:
    backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
    before = noted(engine.settings.data_dir)
    for _ in range(3):
        engine.reconciler.look()
    assert noted(engine.settings.data_dir) == before
    assert lives(before[0].pid)
    assert engine.backups.get(backup.id).status is Status.RUNNING
    cancelled(engine, backup)


# --- records and tickets ---


def test_a_look_settles_a_record_that_nobody_works_on(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    good = back_up(engine, job.id)
    lost = engine.backups.records.add(Backup(job_id=job.id, client_id=job.client_id, status=Status.RUNNING))
    copied = engine.restores.records.add(
        Restore(backup_id=good.id, job_id=job.id, client_id=job.client_id, status=Status.RUNNING)
    )
    # As if the disk had been full when the good end was to be stored: the snapshot tells of it.
    engine.backups.records.set(good.id, status=Status.RUNNING, backup_path=None, size_bytes=0, pinned=True)

    engine.reconciler.look()

    assert (engine.backups.get(lost.id).status, engine.backups.get(lost.id).cause) == (Status.FAILED, 'lost')
    assert engine.restores.get(copied.id).status is Status.FAILED
    settled = engine.backups.get(good.id)
    assert (settled.status, settled.backup_path, settled.size_bytes) == (
        Status.COMPLETED,
        good.backup_path,
        good.size_bytes,
    )
    assert settled.pinned


def test_a_second_look_queues_again_what_has_lost_its_ticket(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    waiting = engine.backups.records.add(
        Backup(job_id=job.id, client_id=job.client_id, trigger=Trigger.SCHEDULE)
    )
    orphan = engine.backups.records.add(Backup(job_id=job.id + 1, client_id=job.client_id))
    engine.reconciler.look()
    assert engine.backups.get(waiting.id).status is Status.QUEUED, 'it may be in the middle of being queued'
    engine.reconciler.look()
    assert engine.backups.wait(waiting.id, 60).status is Status.COMPLETED
    assert engine.backups.get(orphan.id).status is Status.INTERRUPTED, 'its job is gone'


def test_a_look_drops_tickets_without_a_record(tmp_path: Path, sshd: Sshd, big: Path) -> None:
    with running_engine(tmp_path / 'data', max_parallel=1) as engine:
        backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
        queue = engine.reconciler.queue
        queue.submit(Ticket(kind='backup', run_id=backup.id + 1, key='job:99'))
        queue.submit(Ticket(kind='restore', run_id=1, key='restore:1'))
        engine.reconciler.look()
        assert [(ticket.kind, ticket.run_id) for ticket in queue.tickets()] == [('backup', backup.id)]
        cancelled(engine, backup)


# --- cancel reaches the client ---


def test_cancel_ends_the_rsync_of_the_client(engine: Engine, sshd: Sshd, big: Path) -> None:
    backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
    assert over_there(sshd, '--server')
    cancelled(engine, backup)
    assert over_there(sshd, '--server') == []


def test_cancel_ends_an_rsync_that_is_stopped_over_there(engine: Engine, sshd: Sshd, big: Path) -> None:
    backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
    freeze(*over_there(sshd, '--server'))
    ended = cancelled(engine, backup)
    assert over_there(sshd, '--server') == []
    assert 'were still there on the client and have been ended' in log_of(engine, ended)


def test_cancel_ends_an_rsync_that_ignores_the_broken_pipe(engine: Engine, sshd: Sshd, big: Path) -> None:
    deaf = DEAF.format(rsync='/usr/bin/rsync', sleep='/bin/sleep')
    sshd.authorize(engine.system.public_key().public_key, environment=sshd.path_with(scripts={'rsync': deaf}))
    backup = fetching(engine, sshd, job_for(engine, sshd, big, **SLOW))
    ended = cancelled(engine, backup)
    assert over_there(sshd, 'rsync') == []
    assert over_there(sshd, 'sleep') == []
    assert 'were still there on the client and have been ended' in log_of(engine, ended)


@needs_root
@pytest.mark.parametrize(('allowed', 'stopped'), [('', False), ('ALL', True)])
def test_cancel_ends_an_rsync_that_sudo_has_started(
    engine: Engine, sshd: Sshd, big: Path, allowed: str, *, stopped: bool
) -> None:
    with sshd.sudo_allowed(allowed):
        job = job_for(engine, sshd, big, client={'use_sudo': True}, **SLOW)
        backup = fetching(engine, sshd, job)
        servers = [pid for pid in running('rsync --server') if parent(pid) in over_there(sshd, 'sudo')]
        assert servers
        if stopped:
            freeze(*servers)
        cancelled(engine, backup)
        until(lambda: not any(lives(pid) for pid in servers), 'the end of rsync over there')


def test_cancel_ends_the_command_before_and_lets_the_one_after_run(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    done = source / 'done'
    job = job_for(engine, sshd, source, pre_command='sleep 3599; true', post_command=f'echo after > {done}')
    backup = engine.jobs.run(job.id)
    until(lambda: over_there(sshd, 'sleep 3599'), 'the command before')
    cancelled(engine, backup)
    assert over_there(sshd, 'sleep') == []
    assert done.read_text() == 'after\n'


def test_cancel_does_not_wait_for_a_long_command_after(engine: Engine, sshd: Sshd, big: Path) -> None:
    backup = fetching(engine, sshd, job_for(engine, sshd, big, post_command='sleep 3598', **SLOW))
    engine.reconciler.queue.tickets()[0].cancellation.cancel('cancelled', within_s=2)
    ended = engine.backups.wait(backup.id, DEADLINE_S)
    assert ended.status is Status.CANCELLED
    assert 'it goes on over there' in log_of(engine, ended)
    assert over_there(sshd, 'sleep 3598'), 'it may be what puts things right again'


def test_cancel_is_heard_during_the_command_after(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    backup = engine.jobs.run(job_for(engine, sshd, source, post_command='sleep 3595').id)
    until(lambda: over_there(sshd, 'sleep 3595'), 'the command after')
    ended = cancelled(engine, backup)
    assert ended.backup_path is None


def test_cancel_ends_a_restore_on_both_sides(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    slow = DEAF.format(rsync='/bin/sleep 3600; /usr/bin/rsync', sleep='/bin/sleep')
    backup = back_up(engine, job_for(engine, sshd, source).id)
    script = sshd.path_with(scripts={'rsync': slow})['PATH']
    keys = sshd.authorized_keys.read_text()
    known = engine.system.public_key().public_key
    sshd.authorized_keys.write_text(keys.replace(known, f'environment="PATH={script}" {known}'))
    restore = engine.restores.start(backup.id, {'restore_path': str(source / 'back')})
    until(lambda: over_there(sshd, 'sleep 3600'), 'the restore over there')
    engine.restores.cancel(restore.id)
    assert engine.restores.wait(restore.id, DEADLINE_S).status is Status.CANCELLED
    assert over_there(sshd) == []


# --- silence ---


def test_a_client_that_falls_silent_is_given_up(
    engine: Engine, sshd: Sshd, big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rsync_runs, execution):
        monkeypatch.setattr(module, 'IDLE_TIMEOUT_S', 2.0)
    job = job_for(engine, sshd, big, retries=0, **SLOW)
    backup = fetching(engine, sshd, job)
    [server] = over_there(sshd, '--server')
    session = parent(server)
    freeze(session)
    try:
        ended = engine.backups.wait(backup.id, DEADLINE_S)
    finally:
        end(session)
    assert (ended.status, ended.cause) == (Status.FAILED, 'silence')
    assert 'for 2 seconds' in str(ended.error_message)
    assert over_there(sshd, '--server') == []
    assert noted(engine.settings.data_dir) == []


def parent(pid: int) -> int:
    with suppress(FileNotFoundError):
        return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])
    return 0


# --- the end of PLUMBUS, in peace and by force ---


class Api:
    """What the tests of the whole process do with it."""

    def __init__(self, server: Served, sshd: Sshd) -> None:
        self.server = server
        self.sshd = sshd
        self.job_id = 0

    def slow_backup(self, folder: Path) -> int:
        """Start a backup that takes minutes and return its id once files flow."""
        with self.server.api as api:
            self.sshd.authorize(api.get('/api/system/public-key').json()['public_key'])
            client = {
                'name': 'Sample',
                'host': self.sshd.host,
                'port': self.sshd.port,
                'username': self.sshd.user,
            }
            client_id = api.post('/api/clients', json=client).json()['client_id']
            job = {'client_id': client_id, 'name': 'Slow', 'source_path': str(folder), **SLOW}
            self.job_id = api.post('/api/jobs', json=job).json()['job_id']
            backup_id: int = api.post(f'/api/jobs/{self.job_id}/run').json()['backup_id']
            until(
                lambda: (self.get(f'/api/backups/{backup_id}')['progress'] or {}).get('bytes'),
                'the flow of files',
            )
        return backup_id

    def get(self, path: str) -> dict[str, Any]:
        with self.server.api as api:
            answer: dict[str, Any] = api.get(path).json()
        return answer


def test_a_signal_interrupts_backups_and_leaves_nothing(tmp_path: Path, sshd: Sshd, big: Path) -> None:
    with Served(tmp_path) as server:
        backup_id = Api(server, sshd).slow_backup(big)
        freeze(*over_there(sshd, '--server'))
        local = [child.pid for child in noted(server.data)]
        assert server.stop() == 0
        assert 'Traceback' not in server.text
    assert local
    assert not any(lives(pid) for pid in local)
    assert noted(server.data) == []
    assert over_there(sshd, '--server') == []
    assert stored(server)[str(backup_id)]['status'] == 'interrupted'


def test_a_run_that_does_not_hear_is_ended_for_good(
    tmp_path: Path, sshd: Sshd, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(_: BackupRunner, attempt: Attempt, *_connection: object) -> None:
        nobody = Cancellation(attempt.cancellation.witness)
        process_runner.run(['sleep', '3596'], cancellation=nobody, idle_timeout_s=3600)
        raise failed('silence', seconds=3600)

    monkeypatch.setattr(BackupRunner, '_connected', deaf)
    with running_engine(tmp_path / 'data') as engine:
        backup = engine.jobs.run(job_for(engine, sshd, source).id)
        [child] = until(lambda: noted(tmp_path / 'data'), 'the deaf child')
        engine.stop(timeout_s=0.5)
    assert not lives(child.pid)
    assert noted(tmp_path / 'data') == []
    assert engine.backups.get(backup.id).status is Status.INTERRUPTED


def test_after_a_kill_the_next_start_ends_what_was_left_and_tells_the_truth(
    tmp_path: Path, sshd: Sshd, big: Path
) -> None:
    with Served(tmp_path) as server:
        backup_id = Api(server, sshd).slow_backup(big)
        freeze(*over_there(sshd, '--server'))
        left = [pid for child in noted(server.data) for pid in members(child)]
        server.kill()
        assert len(left) >= 2
        assert stored(server)[str(backup_id)]['status'] == 'running'
        assert any(lives(pid) for pid in left), 'rsync and ssh wait for a client that says nothing'
        with subprocess.Popen(['sleep', '3597'], start_new_session=True) as stranger:
            forge_note(server, stranger.pid)
            with Served(tmp_path) as again:
                assert not any(lives(pid) for pid in left)
                assert lives(stranger.pid)
                assert noted(server.data) == []
                told = Api(again, sshd).get(f'/api/backups/{backup_id}')
                assert (told['status'], told['cause']) == ('interrupted', 'interrupted')
                assert 'was left behind and has been ended' in again.text
            stranger.kill()


def test_two_servers_do_not_share_a_data_folder(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        second = Served(tmp_path / 'other', PLUMBUS_DATA_DIR=str(server.data))
        told = second.refused()
        assert told.returncode == 1
        assert told.stderr.startswith(
            f'PLUMBUS cannot start. Another PLUMBUS (process {server.process.pid}) runs on'
        )
        assert '--data-dir' in told.stderr
        assert told.stderr.count('\n') == 1
        assert server.http.get('/api/health').status_code == 200
        # A command that only reads and writes the store still works.
        database = Database(server.data / 'db')
        database.check_readable()
        database.check_writable()
        server.kill()
        with Served(tmp_path) as again:
            assert again.http.get('/api/health').status_code == 200


def test_one_engine_a_data_folder(tmp_path: Path) -> None:
    with running_engine(tmp_path), pytest.raises(StoreError, match='Another PLUMBUS'):
        Engine(settings(tmp_path)).start()
    with running_engine(tmp_path):
        pass


def stored(server: Served) -> dict[str, Any]:
    backups = Database(server.data / 'db').table('backups')
    return {str(backup.doc_id): dict(backup) for backup in backups}


def members(child: Child) -> list[int]:
    return [one.pid for one in processes() if variable(one.pid, 'PLUMBUS_CHILD') == child.mark]


def forge_note(server: Served, pid: int) -> None:
    """A note whose number belongs to somebody else by now."""
    child = noted(server.data)[0]
    begun = process(pid)
    assert begun
    forged = child.model_copy(
        update={'mark': 'f' * 32, 'pid': pid, 'group': pid, 'started': begun.started - 100}
    )
    (server.data / 'run' / f'{forged.mark}.json').write_text(forged.model_dump_json())

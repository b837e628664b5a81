"""A client that lies, floods, hangs or sets traps harms nothing outside its own directory, and takes bounded memory and log.

The lies are told by a changed stream of a real rsync (tests/support/liar.py), for a real sshd and the real engine.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from plumbus.backup import execution, rsync_runs, runner
from plumbus.engine import Engine
from plumbus.errors import ClientError, InvalidInput, NotFound
from plumbus.model import Backup, Status
from plumbus.services import clients
from plumbus.store import runlog
from plumbus.transfer import listing
from tests.support import liar
from tests.support.canary import Canary, make_canary
from tests.support.engines import (
    DEADLINE_S,
    back_up,
    copy_of,
    differences,
    restored,
    running_engine,
    tree_of,
    until,
)
from tests.support.facts import facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.memory import memory_growth
from tests.support.near import near_clients
from tests.support.sshd import Sshd

pytestmark = [
    needs_root,
    pytest.mark.skipif(
        not Path('/usr/bin/python3').exists(), reason='needs /usr/bin/python3 for the lying rsync'
    ),
]
MEBIBYTE = 2**20
MOST_MEMORY = 100 * MEBIBYTE
MANY = 40_000
LOG_SLACK = 200_000  # the line that reaches the cap is written whole, and stamps come on top
DATA_DIR = {'.lock', 'backups', 'db', 'index', 'keys', 'logs', 'run'}
Orders = dict[str, object]


@dataclass(slots=True)
class Liar:
    """A client of the engine whose rsync does what it is told."""

    engine: Engine
    sshd: Sshd
    folder: Path
    job_id: int = 0

    def orders(self, *each: Orders) -> None:
        """What to do in the next connections; the last of them holds for all further ones."""
        (self.folder / 'liar.json').write_text(json.dumps(each or [{}]))
        (self.folder / 'count').unlink(missing_ok=True)

    def back_up(self, *each: Orders) -> Backup:
        """Run the job with these lies."""
        self.orders(*each)
        return back_up(self.engine, self.job_id)

    def log_size(self, backup: Backup) -> int:
        return log_size(self.engine, backup)


def log_size(engine: Engine, backup: Backup) -> int:
    """How many bytes a log has, unpacked."""
    return sum(map(len, engine.backups.log(backup.id)))


def client_with(engine: Engine, sshd: Sshd, scripts: dict[str, str]) -> Path:
    """Add a client whose programs are replaced by these; return the folder they lie in."""
    environment = sshd.path_with(scripts=scripts)
    sshd.authorize(engine.system.public_key().public_key, environment=environment)
    engine.clients.create({'name': 'liar', 'host': sshd.host, 'port': sshd.port, 'username': sshd.user})
    return Path(environment['PATH'])


def instead_of_rsync(command: str) -> str:
    """A program that does this first, or instead, when it is to serve a backup; else it is rsync."""
    serve = f'PATH=/usr/bin:/bin\ncase $1 in --server) {command};; esac'
    return f'#!/bin/sh\n{serve}\nexec {shutil.which("rsync")} "$@"\n'


def add_job(engine: Engine, source: Path, **fields: object) -> int:
    client = engine.clients.all()[0]
    given = {'client_id': client.id, 'name': 'job', 'source_paths': [str(source)], 'retries': 0, **fields}
    return engine.jobs.create(given).id


@pytest.fixture
def rogue(engine: Engine, sshd: Sshd, source: Path) -> Liar:
    """A client with a lying rsync and a job for `source`."""
    folder = client_with(engine, sshd, {'rsync': Path(liar.__file__).read_text()})
    os.chown(folder, *sshd.ids)
    made = Liar(engine, sshd, folder, add_job(engine, source))
    made.orders()
    return made


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """Files of the server. The client's login may not go there, so whoever reads them is PLUMBUS."""
    made = make_canary(tmp_path / 'canary')
    yield made
    assert made.touched() == []


@pytest.fixture
def short_waits(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after three seconds instead of minutes."""
    made = runner.job_options
    monkeypatch.setattr(runner, 'job_options', lambda *given: replace(made(*given), timeout_s=3))
    for module in (execution, rsync_runs):
        monkeypatch.setattr(module, 'IDLE_TIMEOUT_S', 5.0)


def fill(source: Path) -> None:
    """Files that all take part in one of the lies."""
    for name in ('XX/evil', 'ok/file', 'dirA/evil', 'content'):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(f'the plain content of {name}')


def like_the_canary(folder: Path, canary: Canary) -> None:
    """Files with the names, sizes, times and modes of the server's, but with another content."""
    for path in sorted(canary.folder.rglob('*')):
        if path.is_file():
            mine = folder / path.relative_to(canary.folder)
            mine.parent.mkdir(parents=True, exist_ok=True)
            status = path.lstat()
            mine.write_bytes(b'c' * status.st_size)
            mine.chmod(status.st_mode & 0o7777)
            os.utime(mine, ns=(status.st_mtime_ns, status.st_mtime_ns))


def holds_a_secret(tree: Path) -> bool:
    return any(
        b'a secret of the server' in path.read_bytes()
        for path in tree.rglob('*')
        if path.is_file() and not path.is_symlink()
    )


def test_a_link_on_day_one_and_a_folder_on_day_two_give_nothing_away(
    rogue: Liar, source: Path, canary: Canary, tmp_path: Path
) -> None:
    engine = rogue.engine
    (source / 'd').symlink_to(canary.folder)
    (source / 'real').write_text('real')
    first = rogue.back_up()
    assert first.status is Status.COMPLETED
    day_one = facts(tree_of(engine, first))

    for path in ('d', 'd/a', 'd/d', 'd/../d/a'):
        with pytest.raises(NotFound):
            engine.backups.files(first.id, f'{source}/{path}')
        if path != 'd':
            with pytest.raises((NotFound, InvalidInput)):
                engine.restores.start(first.id, {'paths': [f'{source}/{path}']})
    assert [file.name for file in engine.backups.files(first.id, '/', search='passwd').files] == []

    (source / 'd').unlink()
    like_the_canary(source / 'd', canary)
    second = rogue.back_up()

    assert second.status is Status.COMPLETED
    copy = copy_of(engine, second, source)
    assert differences(source, copy) == ''
    assert not holds_a_secret(copy)
    assert unchanged(day_one, facts(tree_of(engine, first))) == []

    (source / 'd').rename(source / 'away')
    (source / 'd').symlink_to(canary.folder)
    third = rogue.back_up()
    assert same(facts(source), facts(copy_of(engine, third, source))) == []
    assert canary.touched() == []

    target = rogue.sshd.folder / f'restored-{tmp_path.name}'
    target.mkdir()
    os.chown(target, *rogue.sshd.ids)
    for backup in (first, second, third):
        restore = restored(engine, backup.id, restore_path=str(target), delete=True)
        assert restore.status is Status.COMPLETED, restore.error_message
        assert not holds_a_secret(target)
    shutil.rmtree(target)


def test_a_source_behind_a_link_is_not_read_on_the_server_when_it_is_restored(tmp_path: Path) -> None:
    """Between scan and fetch a folder above one of the sources becomes a link to a path that only the server has."""
    source, target, server = tmp_path / 'client' / 'home', tmp_path / 'restored', tmp_path / 'server'
    (source / 'l').mkdir(parents=True)
    (source / 'l' / 'a').write_text('mine')
    target.mkdir()
    with near_clients(tmp_path) as near, running_engine(tmp_path / 'data') as engine:
        engine.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
        job_id = add_job(engine, source, source_paths=[str(source), str(source / 'l' / 'a')])
        near.hooks[:] = [
            lambda: None,
            lambda: (shutil.rmtree(source / 'l'), (source / 'l').symlink_to(server)),
        ]
        backup = back_up(engine, job_id)
        near.forget()
        assert backup.status.good
        canary = make_canary(server)
        restore = restored(engine, backup.id, restore_path=str(target))
    assert restore.status is Status.COMPLETED, restore.error_message
    assert canary.touched() == []
    assert not holds_a_secret(target)


UNSAFE = [
    [['XX', '..']],
    [['evil', '../e']],
    [['evil', 'ev/l']],
    [['evil', '..\0x']],
    [['file', '../f']],
]


@pytest.mark.parametrize('day', [1, 2])
@pytest.mark.parametrize('lie', UNSAFE)
def test_names_that_lead_out_are_refused(
    rogue: Liar, source: Path, canary: Canary, lie: list[list[str]], day: int
) -> None:
    fill(source)
    kept = facts(tree_of(rogue.engine, rogue.back_up())) if day == 2 else {}
    for folder in ('XX', 'ok'):
        (source / folder / 'more').write_text('new')
    for orders in ([{'replace': lie}], [{}, {'replace': [*lie, ['more', '../m']]}]):
        backup = rogue.back_up(*orders)
        assert (backup.status, backup.cause) == (Status.FAILED, 'hostile'), backup.error_message
        assert backup.backup_path is None
    assert {path.name for path in rogue.engine.settings.data_dir.iterdir()} <= DATA_DIR
    good = rogue.back_up()
    assert good.status is Status.COMPLETED
    assert differences(source, copy_of(rogue.engine, good, source)) == ''
    if kept:
        oldest = rogue.engine.jobs.history(rogue.job_id).items[-1]
        assert unchanged(kept, facts(tree_of(rogue.engine, oldest))) == []


@pytest.mark.parametrize(
    'lie', [[['lnkA', 'pwnA'], ['dirA', 'pwnA']], [['dirA', 'lnkA']], [['lnkA', 'dirA']]]
)
@pytest.mark.parametrize('connection', [0, 1])
def test_a_link_and_a_file_through_it_write_nothing_elsewhere(
    rogue: Liar, source: Path, canary: Canary, lie: list[list[str]], connection: int
) -> None:
    fill(source)
    (source / 'lnkA').symlink_to(canary.folder)
    first = rogue.back_up()
    kept = facts(tree_of(rogue.engine, first))
    for round_ in range(2):
        (source / 'dirA' / 'evil').write_text(f'changed for round {round_}')
        orders: list[Orders] = [{}, {}]
        orders[connection] = {'replace': lie}
        backup = rogue.back_up(*orders)
        assert backup.status.finished
        assert canary.touched() == []
    assert unchanged(kept, facts(tree_of(rogue.engine, first))) == []
    assert rogue.back_up().status is Status.COMPLETED


FORGED = [
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|../../../canary/a//',
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|/etc/passwd//',
    '>f.st......|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|././/',
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|a/../../b//',
    'hf+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|new name// => ../../../canary/a',
    'hf+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|new name// => /canary/a',
    'cd+++++++++|5|2026/11/23-04:59:11|rwxr-xr-x|0|0|{0}|a\\#000b///',
    'cL+++++++++|5|2026/11/23-04:59:11|rwxrwxrwx|0|0|{0}|new link// -> /etc',
    '.f         |9223372036854775807|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|x1//',
    '.f         |9999999999999999999|9999/11/23-04:59:11|rwsrwsrwt|4294967295|4294967295|{0}|x2//',
    '*deleting  |0|1970/01/01-00:00:00|---------|0|0|{0}|tmp///',
    '.d..t......|0|2026/11/23-04:59:11|rwxr-xr-x|0|0|{0}|.///',
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|' + 'x' * 60_000 + '//',
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|{0}|' + 'd/' * 5_000 + 'x//',
    'Number of files: 99999999999999999999 (reg: x)',
    '    999999999999999999 9999% 9999999.99GB/s 99:99:99 (xfr#999999999999999999, to-chk=0/0)',
    '\x1b[2J\x1b]0;owned\x07 \u0085\u2028'.encode().decode('latin-1'),
]  # fmt: skip


@pytest.mark.parametrize('connection', [0, 1])
def test_forged_lines_lead_nowhere(rogue: Liar, source: Path, canary: Canary, connection: int) -> None:
    """Each line alone, and all together: a run may fail, but it touches nothing else, and the next one is fine."""
    fill(source)
    first = rogue.back_up()
    kept = facts(tree_of(rogue.engine, first))
    lines = [line.replace('{0}', '0' * 32) for line in FORGED]
    for number, said in enumerate(
        [lines[:8], lines[8:], lines] if connection else [*([line] for line in lines), lines]
    ):
        (source / 'content').write_text(f'changed {number}')
        orders: list[Orders] = [{}, {}]
        orders[connection] = {'say': said}
        backup = rogue.back_up(*orders)
        assert backup.status.finished
        assert backup.cause != 'internal', (said, backup.error_message)
        assert canary.touched() == []
        assert unchanged(kept, facts(tree_of(rogue.engine, first))) == []
        assert '\x1b' not in b''.join(rogue.engine.backups.log(backup.id)).decode()
    assert {path.name for path in rogue.engine.settings.data_dir.iterdir()} <= DATA_DIR
    good = rogue.back_up()
    assert good.status is Status.COMPLETED
    assert differences(source, copy_of(rogue.engine, good, source)) == ''


@pytest.mark.parametrize('day', [1, 2])
def test_content_that_was_changed_on_its_way_is_not_kept(rogue: Liar, source: Path, day: int) -> None:
    fill(source)
    if day == 2:
        rogue.back_up()
        (source / 'content').write_text('the plain content of content, changed')
    backup = rogue.back_up({}, {'replace': [['of content', 'of falsity']]})
    assert backup.status is Status.WARNING
    assert any('content' in warning for warning in backup.warnings)
    entries = rogue.engine.backups.files(backup.id, str(source), recursive=True)
    told = sorted(file.path for file in entries.files if not file.is_dir)
    copy = copy_of(rogue.engine, backup, source)
    assert told == sorted(f'{source}/{path.relative_to(copy)}' for path in copy.rglob('*') if path.is_file())
    assert not any('falsity' in path.read_text() for path in copy.rglob('*') if path.is_file())
    assert backup.file_count == len(told)
    assert rogue.back_up().status is Status.COMPLETED


ENDLESS = [
    'just noise',
    'x' * 3999,
    '>f+++++++++|5|2026/11/23-04:59:11|rw-r--r--|0|0|' + '0' * 32 + '|tmp/one and the same//',
    '    32,768 100%   31.25MB/s    0:00:00 (xfr#1, to-chk=0/5)',
]


@pytest.mark.parametrize('line', ENDLESS)
@pytest.mark.parametrize('connection', [0, 1])
def test_endless_output_takes_little_memory_and_ends_when_cancelled(
    rogue: Liar, source: Path, line: str, connection: int
) -> None:
    fill(source)
    orders: list[Orders] = [{}, {}]
    orders[connection] = {'forever': line}
    rogue.orders(*orders)
    with memory_growth() as growth:
        backup = rogue.engine.jobs.run(rogue.job_id)
        until(lambda: rogue.engine.backups.get(backup.id).status is Status.RUNNING, 'the start')
        time.sleep(1.5)
        rogue.engine.backups.cancel(backup.id)
        ended = rogue.engine.backups.wait(backup.id, DEADLINE_S)
    assert ended.status is Status.CANCELLED
    assert growth.peak < MOST_MEMORY
    assert rogue.log_size(ended) < runlog.MAX_BYTES + LOG_SLACK


FLOODS = {
    'lines': 'yes "a complaint that never ends" | head -c 300000000 >&2',
    'no newline': 'head -c 300000000 /dev/zero >&2',
    'carriage returns': "head -c 100000000 /dev/zero | tr '\\0' '\\r' >&2",
}


@pytest.mark.parametrize('kind', FLOODS)
def test_a_flood_of_errors_is_cut(engine: Engine, sshd: Sshd, source: Path, kind: str) -> None:
    client_with(engine, sshd, {'rsync': instead_of_rsync(FLOODS[kind])})
    fill(source)
    job_id = add_job(engine, source)
    with memory_growth() as growth:
        backup = back_up(engine, job_id)
    assert backup.status is Status.COMPLETED, backup.error_message
    assert growth.peak < MOST_MEMORY
    assert log_size(engine, backup) < runlog.MAX_BYTES + LOG_SLACK


SILENT = {
    'before the protocol': (instead_of_rsync('exec sleep 1000'), None),
    'a stopped rsync': (instead_of_rsync('kill -STOP $$'), None),
    'within the protocol': (None, {'then': 'silence'}),
}


@pytest.mark.parametrize('when', SILENT)
@pytest.mark.usefixtures('short_waits')
def test_silence_for_ever_ends_with_a_sentence(engine: Engine, sshd: Sshd, source: Path, when: str) -> None:
    script, orders = SILENT[when]
    folder = client_with(engine, sshd, {'rsync': script or Path(liar.__file__).read_text()})
    os.chown(folder, *sshd.ids)
    fill(source)
    client = Liar(engine, sshd, folder, add_job(engine, source))
    engine.clients.test(engine.clients.all()[0].id)
    backup = client.back_up(orders or {})
    assert (backup.status, backup.cause) == (Status.FAILED, 'silence'), backup.error_message


GARBAGE = {
    'zeros': 'cat /dev/zero',
    'noise': 'cat /dev/urandom',
    'endless lines': 'yes',
    'endless line': "yes | tr -d '\\n'",
    'html': 'echo "<html>HTTP/1.1 400 Bad Request</html>"',
    'nothing': 'true',
}


@pytest.mark.parametrize('kind', GARBAGE)
def test_garbage_is_told_as_such(engine: Engine, sshd: Sshd, source: Path, kind: str) -> None:
    client_with(engine, sshd, {'rsync': instead_of_rsync(f'{GARBAGE[kind]}; exit')})
    fill(source)
    with memory_growth() as growth:
        backup = back_up(engine, add_job(engine, source))
    assert backup.status is Status.FAILED
    assert backup.cause in {'protocol', 'shell_not_clean', 'connection_lost', 'rsync_old', 'out_of_memory'}
    assert backup.cause != 'internal'
    assert growth.peak < MOST_MEMORY


@pytest.mark.usefixtures('short_waits')
def test_garbage_within_the_protocol_is_told_as_such(rogue: Liar, source: Path) -> None:
    fill(source)
    with memory_growth() as growth:
        backup = rogue.back_up({'then': 'noise'})
    assert backup.status is Status.FAILED
    assert backup.cause in {'protocol', 'connection_lost', 'hostile', 'out_of_memory', 'file_io'}
    assert growth.peak < MOST_MEMORY


@pytest.mark.parametrize('command', ['yes', 'cat /dev/zero', 'cat /dev/zero >&2'])
def test_a_command_that_floods_is_bounded_and_ends_when_cancelled(
    engine: Engine, sshd: Sshd, source: Path, command: str
) -> None:
    client_with(engine, sshd, {})
    job_id = add_job(engine, source, pre_command=f'PATH=/usr/bin:/bin; {command}')
    with memory_growth() as growth:
        backup = engine.jobs.run(job_id)
        until(
            lambda: any('pre-command' in line for line in engine.backups.log_tail(backup.id)), 'the command'
        )
        time.sleep(1.5)
        engine.backups.cancel(backup.id)
        ended = engine.backups.wait(backup.id, DEADLINE_S)
    assert ended.status is Status.CANCELLED
    assert growth.peak < MOST_MEMORY
    assert log_size(engine, ended) < runlog.MAX_BYTES + LOG_SLACK


@pytest.mark.parametrize('noise', ['echo "Welcome to this machine!"', 'yes', 'head -c 50000000 /dev/urandom'])
def test_a_noisy_shell_is_told_as_such(
    engine: Engine, sshd: Sshd, source: Path, noise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    client_with(engine, sshd, {})
    job_id = add_job(engine, source)
    assert engine.clients.test(engine.clients.all()[0].id).success
    sshd.authorized_keys.write_text('')
    command = f'PATH=/usr/bin:/bin; {noise}; eval "$SSH_ORIGINAL_COMMAND"'
    sshd.authorize(engine.system.public_key().public_key, command=command)
    with memory_growth() as growth:
        backup = back_up(engine, job_id)
        monkeypatch.setattr(clients, 'probe', partial(clients.probe, timeout_s=2))
        test = engine.clients.test(engine.clients.all()[0].id)
    assert backup.status is Status.FAILED
    assert backup.cause in {'shell_not_clean', 'protocol', 'connection_lost'}, backup.error_message
    assert not test.success
    assert growth.peak < MOST_MEMORY


@pytest.mark.parametrize(
    'orders', [{'say': FORGED[:8]}, {'replace': [['XX', '..']]}, {'forever': ENDLESS[2]}]
)
def test_browsing_a_liar_ends_and_shows_only_what_lies_in_the_folder(
    rogue: Liar, source: Path, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, 'TIME_LIMIT_S', 4)
    fill(source)
    client = rogue.engine.clients.all()[0]
    assert rogue.engine.clients.test(client.id).success
    rogue.orders(orders)
    with memory_growth() as growth:
        found = []
        with suppress(ClientError):
            found = rogue.engine.clients.browse(client.id, str(source))
        if found:
            assert all('/' not in file.name and file.path == f'{source}/{file.name}' for file in found)
    assert growth.peak < MOST_MEMORY


@pytest.mark.parametrize('orders', [{'say': FORGED}, {'shout': ['x' * 1000] * 5000}, {'then': 'noise'}])
@pytest.mark.usefixtures('short_waits')
def test_a_restore_to_a_liar_ends_and_reads_nothing_else(
    rogue: Liar, source: Path, canary: Canary, orders: Orders, tmp_path: Path
) -> None:
    fill(source)
    (source / 'd').symlink_to(canary.folder)
    backup = rogue.back_up()
    rogue.orders(orders)
    restore = restored(rogue.engine, backup.id, restore_path=f'{rogue.sshd.home}/{tmp_path.name}')
    assert restore.status.finished
    assert restore.cause != 'internal', restore.error_message


def test_very_many_long_names_take_bounded_memory_and_log(rogue: Liar, source: Path, sshd: Sshd) -> None:
    folder = os.open(source, os.O_RDONLY)
    for number in range(MANY):
        name = f'{number:06}'.ljust(255, '\a' if number % 2 else 'x')
        os.close(os.open(name, os.O_CREAT, 0o644, dir_fd=folder))
    os.close(folder)
    with memory_growth() as growth:
        first = rogue.back_up()
        second = rogue.back_up()
    for backup in (first, second):
        assert (backup.status, backup.file_count) == (Status.COMPLETED, MANY)
        assert rogue.log_size(backup) < runlog.MAX_BYTES + LOG_SLACK
    assert second.new_files == second.changed_files == 0
    assert growth.peak < MOST_MEMORY
    page = rogue.engine.backups.files(second.id, str(source), limit=10)
    assert page.total == MANY

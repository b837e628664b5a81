"""Moving in from PLUMBUS 5.x: what it kept appears, can be browsed and restored, and is gone on from; its folder stays as it is."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from plumbus.backup.adopting import Adoption
from plumbus.commands.arguments import read_arguments
from plumbus.model import Status
from tests.support.engines import back_up, copy_of, differences, restored, running_engine, settings, tree_of
from tests.support.facts import facts, unchanged
from tests.support.marks import needs_root
from tests.support.sshd import Sshd
from tests.support.version5 import Version5Folder
from tests.support.zoo import give

pytestmark = needs_root
PASSWORD = 'schleem and dinglebop'
NAMES = {'/': 'slash', '': 'plain'}
Move = Callable[..., int]


@pytest.fixture
def source(sshd: Sshd, tmp_path: Path) -> Path:
    folder = sshd.folder / f'home-{tmp_path.name}'
    (folder / 'docs').mkdir(parents=True)
    (folder / 'docs' / 'notes.txt').write_text('fleeb')
    (folder / 'big').write_bytes(os.urandom(300_000))
    (folder / 'link').symlink_to('docs/notes.txt')
    give(folder, *sshd.ids)
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Version5Folder:
    return Version5Folder(tmp_path / 'old')


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / 'new'


@pytest.fixture
def move(data_dir: Path, old: Version5Folder) -> Move:
    def carry_out(*words: str) -> int:
        options = read_arguments(('import-v5', str(old.folder), *words))
        return int(options.run.carry_out(lambda: settings(data_dir, tz='Europe/Berlin'), options))

    return carry_out


def days_ago(number: int) -> str:
    return (datetime.now(UTC) - timedelta(days=number)).replace(tzinfo=None).isoformat()


def sample(old: Version5Folder, sshd: Sshd, source: Path, slash: str = '') -> Path:
    """A client, a job and a backup of it on the sample machine; return the folder of the backup."""
    client = old.add(
        'clients', id=3, name='pi', host=sshd.host, port=sshd.port, username=sshd.user, auth_method='key'
    )
    job = old.add(
        'jobs', id=7, client_id=client, name='home', source_path=f'{source}{slash}', schedule='0 2 * * 1-5'
    )
    return old.back_up(job, client, 'home', f'{source}{slash}', '2025-07-01T02:00:00', id=41)


@pytest.mark.parametrize('slash', NAMES, ids=NAMES.get)
def test_it_is_browsed_restored_and_gone_on_from(
    sshd: Sshd, source: Path, old: Version5Folder, data_dir: Path, move: Move, slash: str
) -> None:
    sample(old, sshd, source, slash)
    before = facts(old.folder)
    assert move() == 0
    with running_engine(data_dir) as engine:
        sshd.authorize(engine.system.public_key().public_key)
        (backup,) = engine.backups.page().items
        assert (backup.id, backup.job_id, backup.client_id, backup.job_name) == (41, 7, 3, 'home')
        assert backup.start_time == datetime(2025, 7, 1, 0, 0, tzinfo=UTC)
        assert (backup.file_count, backup.size_bytes) == (3, 300_005)
        assert {file.name for file in engine.backups.files(41, str(source)).files} == {'docs', 'big', 'link'}
        verification = engine.verifications.wait(engine.verifications.start(41).id, 60)
        assert verification.verify_status == 'ok'
        shutil.rmtree(source / 'docs')
        assert restored(engine, 41).status is Status.COMPLETED
        assert differences(source, copy_of(engine, backup, source)) == ''
        (source / 'new').write_text('new')
        following = back_up(engine, 7)
        assert (following.status, following.transferred_bytes) == (Status.COMPLETED, 3)
        assert os.path.samefile(*(copy_of(engine, one, source) / 'big' for one in (backup, following)))
    assert unchanged(before, facts(old.folder)) == []


def test_passwords_go_into_the_vault(old: Version5Folder, sshd: Sshd, data_dir: Path, move: Move) -> None:
    old.add(
        'clients',
        name='by password',
        host='pi.lan',
        username='pi',
        password=PASSWORD,
        auth_method='key',
        use_sudo=1,
    )
    old.add(
        'clients',
        name='by key',
        host='pi2.lan',
        port=2222,
        username='pi',
        password=PASSWORD,
        key_path='/keys/pi',
    )
    assert move() == 0
    with running_engine(data_dir) as engine:
        first, second = engine.clients.all()
        assert (first.auth_method, first.has_password, first.use_sudo, first.key_path) == (
            'password',
            True,
            True,
            None,
        )
        assert (second.auth_method, second.has_password, second.port, second.key_path) == (
            'key',
            False,
            2222,
            '/keys/pi',
        )
    written = b''.join(path.read_bytes() for path in data_dir.rglob('*') if path.is_file())
    assert PASSWORD.encode() not in written


def test_what_failed_and_what_is_lost_becomes_history(
    old: Version5Folder,
    sshd: Sshd,
    source: Path,
    data_dir: Path,
    move: Move,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old.lose(sample(old, sshd, source))
    old.add(
        'backups',
        job_id=7,
        status='failed',
        start_time=days_ago(3),
        error_message='rsync error: 12',
    )
    old.add('backups', job_id=7, status='running', start_time=days_ago(2))
    old.add('backups', job_id=99, status='failed', start_time='2025-07-03T02:00:00')
    old.add(
        'backups',
        job_id=7,
        status='completed',
        start_time=days_ago(1),
        backup_path='/data/backups/../../etc',
    )
    assert move('--json') == 0
    told = orjson.loads(capsys.readouterr().out)
    assert told['snapshots'] == 0
    assert len(told['skipped']) == 1
    assert 'job_id' in told['skipped'][0]
    with running_engine(data_dir) as engine:
        kept = [(one.status, one.backup_path, one.removed_at is None) for one in engine.backups.page().items]
        assert kept == [
            (Status.COMPLETED, None, False), (Status.INTERRUPTED, None, True), (Status.FAILED, None, True), (Status.COMPLETED, None, False),
        ]  # fmt: skip
        assert engine.backups.page().items[2].error_message == 'rsync error: 12'


def test_what_cannot_be_used_here_is_told(
    old: Version5Folder, data_dir: Path, move: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    client = old.add('clients', name='web', host='web.lan', username='root')
    old.add('clients', name='bad', host='-oProxyCommand=x', username='root')
    old.add('jobs', client_id=client, name='days', source_path='/etc', schedule='0 2 * * 1')
    old.add('jobs', client_id=client, name='odd', source_path='/etc', schedule='0 2 last * *')
    old.add('jobs', client_id=client, name='relative', source_path='docs')
    assert move() == 0
    told = capsys.readouterr().out
    assert 'client 2 (bad): host must be a host name' in told
    assert 'relative): source_paths must be an absolute path' in told
    assert 'days (job 1): PLUMBUS 5 counted the days of its schedule 0 2 * * 1 from Monday' in told
    assert 'odd (job 2): Its schedule 0 2 last * * cannot be used here' in told
    with running_engine(data_dir) as engine:
        assert [(job.name, job.schedule) for job in engine.jobs.all()] == [
            ('days', '0 2 * * 1'),
            ('odd', None),
        ]


def test_a_second_time_takes_nothing_twice_and_goes_on_where_it_was_stopped(
    old: Version5Folder, sshd: Sshd, source: Path, data_dir: Path, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample(old, sshd, source)
    for day in (2, 3):
        old.back_up(7, 3, 'home', str(source), f'2025-07-0{day}T02:00:00')
    whole, taken = Adoption.take_over, []

    def stopped_at_the_second(self: Adoption, *given: object) -> object:
        taken.append(given)
        if len(taken) == 2:
            self.cancellation.cancel('stopped')
        return whole(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Adoption, 'take_over', stopped_at_the_second)
        assert move() == 130
    for _ in range(2):
        assert move() == 0
        with running_engine(data_dir) as engine:
            backups = engine.backups.page().items
            assert [one.start_time.day for one in backups if one.start_time] == [3, 2, 1]
            assert all((tree_of(engine, one) / str(source).lstrip('/') / 'big').exists() for one in backups)
            assert (len(engine.clients.all()), len(engine.jobs.all())) == (1, 1)


def test_it_gets_new_ids_beside_what_is_there(
    old: Version5Folder, sshd: Sshd, source: Path, data_dir: Path, move: Move
) -> None:
    with running_engine(data_dir) as engine:
        engine.clients.create({'name': 'here before', 'host': 'a.lan', 'username': 'root'})
    sample(old, sshd, source)
    assert move() == 0
    with running_engine(data_dir) as engine:
        assert [client.name for client in engine.clients.all()] == ['here before', 'pi']
        (backup,) = engine.backups.page().items
        assert engine.jobs.get(backup.job_id).client_id == engine.clients.all()[1].id
        assert copy_of(engine, backup, source).is_dir()


def test_it_works_within_the_very_same_folder(
    old: Version5Folder, sshd: Sshd, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sample(old, sshd, source)
    before = facts(folder)
    options = read_arguments(('import-v5', str(old.folder)))
    assert options.run.carry_out(lambda: settings(old.folder), options) == 0
    with running_engine(old.folder) as engine:
        sshd.authorize(engine.system.public_key().public_key)
        assert back_up(engine, 7).status is Status.COMPLETED
        engine.backups.delete(41)
    assert unchanged(before, facts(folder)) == []


def test_a_folder_that_is_none_of_it_is_told(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'empty').mkdir()
    options = read_arguments(('import-v5', str(tmp_path / 'empty')))
    assert options.run.carry_out(lambda: settings(data_dir), options) == 1
    assert 'There is no database of PLUMBUS 5' in capsys.readouterr().err
    assert not data_dir.exists()

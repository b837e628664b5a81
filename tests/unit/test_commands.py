"""The command line: what it takes, how a command ends, and what it prints."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from plumbus.commands import ownership
from plumbus.commands.arguments import COMMANDS, read_arguments
from plumbus.config import Settings
from plumbus.errors import PlumbusError
from plumbus.services.accounts import Accounts
from plumbus.store.claim import Claim
from plumbus.store.database import Database
from tests.support.engines import settings
from tests.support.stored import a_client, a_job, keep

PASSWORD = 'fleeb juice 42'
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Do what a command line says, on a data folder of this test."""

    def carry_out(*words: str) -> int:
        options = read_arguments(words)
        return int(options.run.carry_out(lambda: settings(tmp_path), options))

    return carry_out


def login(folder: Path, password: str) -> str:
    return Accounts(Database(folder / 'db'), settings(folder)).login('admin', password)


@pytest.mark.parametrize('words', [(), ('serve',), ('--port', '0'), ('serve', '--port', '0', '--native')])
def test_it_serves_without_a_command(words: tuple[str, ...]) -> None:
    options = read_arguments(words)
    assert options.run is None
    assert options.port == (0 if words[-1:] and '--port' in words else None)
    assert options.native is ('--native' in words)


@pytest.mark.parametrize(
    'words', [('--data-dir', '/x', 'check'), ('check', '--data-dir', '/x'), ('--data-dir', '/y', 'check', '--data-dir', '/x')]
)  # fmt: skip
def test_the_data_folder_stands_before_or_behind_the_command(words: tuple[str, ...]) -> None:
    assert read_arguments(words).data_dir == Path('/x')


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself_and_its_exit_codes(
    capsys: pytest.CaptureFixture[str], command: object
) -> None:
    name = str(getattr(command, 'name', ''))
    with pytest.raises(SystemExit) as ended:
        read_arguments([name, '--help'])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert 'exit codes:' in told
    assert '--data-dir' in told


@pytest.mark.parametrize('words', [['nonsense'], ['rescan', '--nonsense'], ['check', 'more']])
def test_a_wrong_command_line_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(words)
    assert ended.value.code == 2
    assert 'usage:' in capsys.readouterr().err


def test_a_failure_is_told_in_a_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run('rescan') == 1
    told = capsys.readouterr()
    assert (told.out, 'There is no folder backups/' in told.err) == ('', True)
    assert run('rescan', '--json') == 1
    told = capsys.readouterr()
    assert orjson.loads(told.out)['success'] is False
    assert 'backups/' in orjson.loads(told.out)['error']


def test_a_wrong_setting_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> Settings:
        raise PlumbusError('A setting is wrong: port.', 'See docs/configuration.md.')

    options = read_arguments(['check'])
    assert options.run.carry_out(refuse, options) == 1
    assert capsys.readouterr().err == 'A setting is wrong: port. See docs/configuration.md.\n'


def test_ctrl_c_is_no_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> Settings:
        raise KeyboardInterrupt

    options = read_arguments(['check'])
    assert options.run.carry_out(interrupted, options) == 130
    assert 'Stopped' in capsys.readouterr().err


def test_it_takes_a_password_from_a_pipe(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, 'stdin', io.StringIO(f' {PASSWORD} \r\nmore\n'))
    assert run('set-password') == 0
    assert login(tmp_path, f' {PASSWORD} ')
    told = capsys.readouterr()
    assert PASSWORD not in told.out + told.err
    assert 'admin' in told.out


@pytest.mark.parametrize('given', ['', '\n', 'short\n'])
def test_it_refuses_no_password_and_a_weak_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr(sys, 'stdin', io.StringIO(f'{PASSWORD}\n'))
    assert run('set-password') == 0
    monkeypatch.setattr(sys, 'stdin', io.StringIO(given))
    assert run('set-password') == 1
    assert login(tmp_path, PASSWORD)


def test_it_writes_nothing_into_the_folder_of_another_user(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, 1)
    (tmp_path / 'db').mkdir()
    mine = ownership.os.geteuid()
    monkeypatch.setattr(ownership.os, 'geteuid', lambda: mine + 4321)
    monkeypatch.setattr(sys, 'stdin', io.StringIO(f'{PASSWORD}\n'))
    assert (run('set-password'), run('rescan')) == (1, 1)
    assert 'sudo -u' in capsys.readouterr().err
    assert list((tmp_path / 'db').iterdir()) == []


def test_a_rescan_tells_what_came_back_and_what_is_left_to_do(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, 1, a_job(schedule='0 2 * * *'), [(a_client(auth_method='password'), None)])
    half = keep(tmp_path, 2, a_job(2), [(a_client(auth_method='password'), None)])
    (half.path / 'backup.json').unlink()
    assert run('rescan') == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ['before', 'added'], ['clients', '0', '1'], ['jobs', '0', '1'], ['backups', '0', '1'], ['skipped', '1']
    ]  # fmt: skip
    text = '\n'.join(lines)
    assert f'{half.path.relative_to(tmp_path)}: The description' in text
    assert 'Enter the password again of web 1 (client 1).' in text
    assert 'main.py set-password' in text
    assert 'web 1 / etc 1: Every day at 02:00' in text


def test_a_rescan_tells_a_program(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, 1, a_job(schedule='0 2 * * *'), [(a_client(auth_method='password'), None)])
    assert run('rescan', '--json') == 0
    assert orjson.loads(capsys.readouterr().out) == {
        'success': True,
        'added': {'clients': 1, 'jobs': 1, 'backups': 1},
        'before': {'clients': 0, 'jobs': 0, 'backups': 0},
        'skipped': [],
        'need_password': [1],
        'need_private_key': [],
        'enabled_jobs': [1],
        'notes': [],
    }
    assert run('rescan') == 1
    assert 'not empty: it holds 1 client, 1 job, 1 backup. Add --merge' in capsys.readouterr().err
    assert run('rescan', '--merge') == 0
    assert 'Nothing was missing.' in capsys.readouterr().out


def test_a_rescan_can_bring_jobs_back_switched_off(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, 1, a_job(schedule='0 2 * * *'))
    assert run('rescan', '--disable-jobs') == 0
    assert 'by themselves' not in capsys.readouterr().out


def test_a_rescan_waits_for_no_server(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, 1)
    server = Claim(tmp_path)
    server.take()
    assert run('rescan') == 1
    told = capsys.readouterr().err
    assert 'runs on the data folder' in told
    assert 'stop it' in told
    server.give_up()
    assert run('rescan') == 0


def test_a_rescan_makes_no_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = read_arguments(['rescan'])
    assert options.run.carry_out(lambda: settings(tmp_path / 'typo'), options) == 1
    assert '--data-dir' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

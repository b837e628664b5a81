"""Real failures of a real rsync, told in plain words. A script stands in for ssh where the far side is not the point."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.cancellation import Cancellation
from plumbus.transfer.outcome import Explanation, Stage, explain
from plumbus.transfer.process import run
from plumbus.transfer.rsync import Options, environment, fetch_all_arguments, push_arguments, scan_arguments
from tests.support.marks import needs_root

OPTIONS = Options(timeout_s=10)
SSH = 'ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / 'source'
    folder.mkdir()
    (folder / 'file').write_text('content')
    (tmp_path / 'tree').mkdir()
    return folder


def shell(folder: Path, script: str = 'exec sh -c "$*"') -> str:
    """A stand-in for ssh that does `script` with the far command as its arguments."""
    file = folder / 'shell'
    file.write_text(f'#!/bin/sh\nshift\n{script}\n')
    file.chmod(0o755)
    return str(file)


def told(argv: list[bytes], folder: Path, stage: Stage = 'transfer') -> Explanation:
    outcome = run(argv, cancellation=Cancellation(), idle_timeout_s=60, env=environment(folder))
    assert not outcome.timed_out
    return explain(outcome.exit_code, outcome.error_lines, stage=stage)


def scan(
    tmp_path: Path, remote_shell: str, path: str, options: Options = OPTIONS, alias: str = 'x'
) -> Explanation:
    argv = scan_arguments(options, remote_shell, alias, [path], tmp_path / 'tree')
    return told(argv, tmp_path, 'scan')


def test_it_tells_a_refused_connection(tmp_path: Path, source: Path) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))  # bound and not listening: nobody else can listen there either
        explanation = scan(tmp_path, f'{SSH} -p {taken.getsockname()[1]}', str(source), alias='127.0.0.1')

    assert (explanation.cause, explanation.transient) == ('refused', True)


def test_it_tells_an_unknown_name(tmp_path: Path, source: Path) -> None:
    assert scan(tmp_path, SSH, str(source), alias='no-such-host.invalid').cause == 'dns'


@pytest.mark.parametrize(
    ('script', 'cause'),
    [
        ('exec sh -c "no-such-rsync $*"', 'rsync_missing'),
        ('exec sh -c "/no/such/$*"', 'rsync_missing'),
        ('exec bash -c "no-such-rsync $*"', 'rsync_missing'),
        ('echo Welcome; exec sh -c "$*"', 'shell_not_clean'),
        ('echo "sudo: a password is required" >&2; exit 1', 'sudo'),
        ('echo "root@pi: Permission denied (publickey,password)." >&2; exit 255', 'auth'),
        ('kill -9 $$', 'connection_lost'),
        ('exit 0', 'connection_lost'),
        ('sleep 60', 'timeout'),
    ],
)
def test_it_tells_what_is_wrong_over_there(tmp_path: Path, source: Path, script: str, cause: str) -> None:
    options = replace(OPTIONS, timeout_s=1)

    assert scan(tmp_path, shell(tmp_path, script), str(source), options).cause == cause


@pytest.mark.parametrize('name', ['missing', 'missing -> it', "it's *"])
def test_it_tells_a_missing_source_path(tmp_path: Path, source: Path, name: str) -> None:
    explanation = scan(tmp_path, shell(tmp_path), f'{source}/{name}')

    assert (explanation.cause, explanation.severity) == ('source_missing', 'failed')
    assert f'{source}/missing' in explanation.message or '*' in name


def test_it_tells_that_ssh_is_missing_here(tmp_path: Path, source: Path) -> None:
    assert scan(tmp_path, '/no/such/ssh', str(source)).cause == 'ssh_missing'


@needs_root
def test_it_lists_what_could_not_be_read(tmp_path: Path, source: Path) -> None:
    as_nobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$*"'
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (source / 'secret').write_text('x')
    (source / 'secret').chmod(0o600)
    (source / 'private').mkdir(mode=0o700)
    argv = fetch_all_arguments(OPTIONS, shell(tmp_path, as_nobody), 'x', [str(source)], tmp_path / 'tree')

    explanation = told(argv, tmp_path)

    assert (explanation.cause, explanation.severity) == ('permission_denied', 'warning')
    assert sorted(explanation.files) == [
        f'{source}/private: Permission denied',
        f'{source}/secret: Permission denied',
    ]
    assert (tmp_path / f'tree/{source}/file').exists()
    unreadable = scan(tmp_path, shell(tmp_path, as_nobody), f'{source}/private/below')
    assert (unreadable.cause, unreadable.severity) == ('source_unreadable', 'failed')
    argv = push_arguments(
        OPTIONS, shell(tmp_path, as_nobody), 'x', tmp_path / 'tree', [source], '/root', relative=False
    )
    assert told(argv, tmp_path, 'restore').cause == 'target'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / 'small'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,nr_inodes=40', 'tmpfs', folder], check=True)
    yield folder
    subprocess.run(['umount', '--lazy', folder], check=True)


@needs_root
def test_it_tells_a_full_disk(tmp_path: Path, source: Path, small_disk: Path) -> None:
    (source / 'large').write_bytes(b'x' * 2_000_000)
    argv = fetch_all_arguments(OPTIONS, shell(tmp_path), 'x', [str(source)], small_disk)

    explanation = told(argv, tmp_path)

    assert (explanation.cause, explanation.severity) == ('disk_full', 'failed')
    assert 'data folder' in explanation.message


@needs_root
def test_it_tells_a_disk_that_takes_no_more_files(tmp_path: Path, source: Path, small_disk: Path) -> None:
    for number in range(60):
        (source / str(number)).touch()
    argv = fetch_all_arguments(OPTIONS, shell(tmp_path), 'x', [str(source)], small_disk)

    assert told(argv, tmp_path).cause == 'inodes_full'


@needs_root
def test_it_tells_a_read_only_disk(tmp_path: Path, source: Path, small_disk: Path) -> None:
    subprocess.run(['mount', '-o', 'remount,ro', small_disk], check=True)
    argv = fetch_all_arguments(OPTIONS, shell(tmp_path), 'x', [str(source)], small_disk)

    assert told(argv, tmp_path).cause == 'read_only'

"""Restores to the server itself: below the allowed folder and nowhere else, also when the client is gone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plumbus.engine import Engine
from plumbus.errors import InvalidInput
from plumbus.model import Backup, Status
from tests.support.engines import add_client, back_up, copy_of, differences, job_for, restored, running_engine
from tests.support.sshd import Sshd


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / 'restored *'
    folder.mkdir()
    return folder


@pytest.fixture
def engine(tmp_path: Path, base: Path) -> Iterator[Engine]:
    with running_engine(tmp_path / 'data', restore_base=base) as running:
        yield running


@pytest.fixture
def backup(engine: Engine, sshd: Sshd, zoo: Path) -> Backup:
    return back_up(engine, job_for(engine, sshd, zoo).id)


def test_all_of_it_comes_back_with_owners_though_the_client_is_gone(
    engine: Engine, backup: Backup, base: Path, zoo: Path
) -> None:
    engine.restores.clients.remove(backup.client_id)
    dry = restored(engine, backup.id, to_server=True, restore_path=str(base / 'new' / 'place'), dry_run=True)
    assert dry.summary['create']['count'] > 10
    assert not (base / 'new').exists()

    restore = restored(engine, backup.id, to_server=True, restore_path=str(base / 'new' / 'place'))

    assert (restore.status, restore.error_message) == (Status.COMPLETED, None)
    assert differences(copy_of(engine, backup, zoo), base / 'new' / 'place' / str(zoo).lstrip('/')) == ''
    assert restore.summary == dry.summary


def test_a_folder_lands_by_its_name(engine: Engine, backup: Backup, base: Path, zoo: Path) -> None:
    restored(engine, backup.id, to_server=True, restore_path=str(base), paths=[str(zoo / 'contents')])
    assert differences(zoo / 'contents', base / 'contents') == ''


@pytest.mark.parametrize(
    ('fields', 'wrong'),
    [
        ({'restore_path': '/etc'}, 'restore_path'),
        ({}, 'restore_path'),
        ({'restore_path': '{base}/../elsewhere'}, 'restore_path'),
        ({'restore_path': '{base}2/x'}, 'restore_path'),
        ({'restore_path': '{base}', 'client_id': 1}, 'client_id'),
        ({'restore_path': '{base}', 'safety_copy': True}, 'safety_copy'),
    ],
)
def test_it_refuses_other_places(
    engine: Engine, backup: Backup, base: Path, fields: dict[str, Any], wrong: str
) -> None:
    given = {
        name: value.replace('{base}', str(base)) if isinstance(value, str) else value
        for name, value in fields.items()
    }
    with pytest.raises(InvalidInput) as refused:
        engine.restores.start(backup.id, {'to_server': True, **given})
    assert list(refused.value.fields) == [wrong]


def test_no_link_leads_out_of_the_base(engine: Engine, backup: Backup, base: Path, tmp_path: Path) -> None:
    outside = tmp_path / 'outside'
    (outside / 'below').mkdir(parents=True)
    (base / 'way').symlink_to(outside)
    (base / 'file').write_text('stays')
    for place in ('way', 'way/below', 'way/new', 'file', 'file/below'):
        for dry_run in (True, False):
            restore = restored(
                engine, backup.id, to_server=True, restore_path=str(base / place), dry_run=dry_run
            )
            assert (restore.status, restore.cause) == (Status.FAILED, 'restore_base')
    assert (os.listdir(outside), os.listdir(outside / 'below')) == (['below'], [])
    assert (base / 'file').read_text() == 'stays'


def test_it_is_off_unless_a_folder_is_named(tmp_path: Path, sshd: Sshd, zoo: Path) -> None:
    with running_engine(tmp_path / 'other') as engine:
        add_client(engine, sshd)
        backup = back_up(engine, job_for(engine, sshd, zoo / 'contents').id)
        with pytest.raises(InvalidInput, match='PLUMBUS_RESTORE_BASE'):
            engine.restores.start(backup.id, {'to_server': True, 'restore_path': str(tmp_path)})


def test_the_data_folder_is_no_target(tmp_path: Path, sshd: Sshd, zoo: Path) -> None:
    with running_engine(tmp_path / 'data', restore_base=tmp_path) as engine:
        backup = back_up(engine, job_for(engine, sshd, zoo / 'contents').id)
        for target in (tmp_path, tmp_path / 'data' / 'backups' / 'x'):
            with pytest.raises(InvalidInput, match='data folder'):
                engine.restores.start(backup.id, {'to_server': True, 'restore_path': str(target)})

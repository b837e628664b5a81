"""The bad day: a file is gone. It is found, looked at, downloaded; a folder is put back, and that is undone."""

import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Look, fits, serious, serious_in_front
from tests.support.past import Machine
from tests.support.sshd import Sshd


@pytest.fixture
def machine(sshd: Sshd) -> Machine:
    """A machine of this test alone, as it is on its first day."""
    folder = sshd.folder / f'lost-{secrets.token_hex(4)}'
    made = Machine(folder=folder, sshd=sshd)
    made.furnish()
    return made


def lived(page: Page, machine: Machine) -> dict[str, Any]:
    """A job for the machine and three snapshots, between which files change and go. Return the job."""
    sshd = machine.sshd
    sshd.authorize(page.request.get('/api/system/public-key').json()['public_key'])
    name = f'bad day {machine.folder.name}'
    fields = {'name': name, 'host': sshd.host, 'port': sshd.port, 'username': sshd.user}
    client = said(page, '/api/clients', fields)
    said(page, f'/api/clients/{client["id"]}/test', {})
    job = said(
        page,
        '/api/jobs',
        {'client_id': client['id'], 'name': 'config', 'source_paths': [str(machine.folder)]},
    )
    for change in (lambda: None, machine.second_day, machine.third_day):
        change()
        machine.settle()
        ended = said(page, f'/api/jobs/{job["id"]}/run?wait=60', {})
        assert ended['status'] == 'completed', ended
    return {**job, 'client_name': name}


def said(page: Page, address: str, fields: dict[str, Any]) -> dict[str, Any]:
    answer = page.request.post(address, data=fields)
    assert answer.ok, answer.text()
    told: dict[str, Any] = answer.json()
    return told


def test_it_brings_back_what_was_lost(visitor: Page, look: Look, machine: Machine, tmp_path: Path) -> None:
    job = lived(visitor, machine)
    visitor.goto(f'/browse?job={job["id"]}&path={machine.home}/odd')
    expect(visitor.get_by_role('table').first).to_be_visible()
    assert fits(visitor)
    visitor.goto(f'/browse?job={job["id"]}')
    find_the_deleted_file(visitor, machine, tmp_path)
    compare_two_versions(visitor, machine)
    visitor.goto(f'/browse?job={job["id"]}&path={machine.home}')
    preview_nothing(visitor)
    restore_a_folder(visitor, machine)
    undo_it(visitor, machine)


def find_the_deleted_file(page: Page, machine: Machine, folder: Path) -> None:
    page.get_by_role('searchbox', name='Search').fill('notes')
    found = page.get_by_role('table').filter(has_text='gone by now')
    expect(found.get_by_role('link', name='notes.txt')).to_be_visible()
    assert fits(page)
    found.get_by_role('link', name='notes.txt').click()
    panel = page.get_by_role('region', name='File', exact=True)
    expect(panel.get_by_role('heading', name='notes.txt')).to_be_visible()
    expect(panel.get_by_text('smooth out the dinglebop')).to_be_visible()
    expect(panel.get_by_text('gone by now')).to_be_visible()
    assert fits(page)
    assert serious(page) == []
    with page.expect_download() as download:
        panel.get_by_role('link', name='Download the version').click()
    download.value.save_as(folder / 'notes.txt')
    assert (folder / 'notes.txt').read_text() == 'smooth out the dinglebop\n'
    panel.get_by_role('button', name='Close the file').click()
    expect(panel).to_be_hidden()


def compare_two_versions(page: Page, machine: Machine) -> None:
    page.get_by_role('link', name='.homeassistant', exact=True).click()
    page.get_by_role('link', name='automations.yaml').click()
    panel = page.get_by_role('region', name='File', exact=True)
    expect(panel.get_by_role('list', name='Versions').get_by_role('listitem')).to_have_count(2)
    panel.get_by_role('button', name='Compare with the version').click()
    lines = panel.get_by_role('region', name='Differences')
    expect(lines).to_contain_text('-    at: "22:30:00"')
    expect(lines).to_contain_text('+    at: "23:15:00"')
    assert fits(page)
    assert serious(page) == []


def preview_nothing(page: Page) -> None:
    page.get_by_role('checkbox', name='Tick pictures').click()
    page.get_by_role('button', name='Restore …').click()
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('button', name='Show what it changes').click()
    expect(dialog.get_by_role('heading', name='Nothing would change')).to_be_visible()
    dialog.get_by_role('button', name='Close').click()
    expect(dialog).to_be_hidden()
    page.get_by_role('button', name='Untick all').click()


def restore_a_folder(page: Page, machine: Machine) -> None:
    (machine.config / 'secrets.yaml').write_text('wifi: overwritten by mistake\n')
    os.remove(machine.config / 'configuration.yaml')
    machine.settle()
    page.get_by_role('checkbox', name='Tick .homeassistant').click()
    expect(page.get_by_text('1 folder', exact=True)).to_be_visible()
    page.get_by_role('button', name='Restore …').click()
    dialog = page.get_by_role('dialog')
    dialog.get_by_role('button', name='Show what it changes').click()
    expect(dialog.get_by_text('1 entry is overwritten')).to_be_visible()
    expect(dialog.get_by_text('1 entry is created')).to_be_visible()
    expect(dialog.get_by_role('table').get_by_text('secrets.yaml')).to_be_visible()
    assert fits(page)
    assert serious_in_front(page) == []
    dialog.get_by_role('button', name='Continue').click()
    expect(dialog.get_by_role('heading', name='Restore to its place on')).to_be_visible()
    assert serious_in_front(page) == []
    dialog.get_by_role('button', name='Overwrite 1').click()
    page.wait_for_url('**/restores/*')
    expect(page.get_by_role('main').get_by_text('completed', exact=True)).to_be_visible()
    expect(page.get_by_role('log')).to_contain_text('configuration.yaml')
    assert (machine.config / 'secrets.yaml').read_text() == 'wifi: dinglebop\n'
    assert (machine.config / 'configuration.yaml').exists()
    assert fits(page)


def undo_it(page: Page, machine: Machine) -> None:
    page.get_by_role('button', name='Undo').click()
    page.get_by_role('button', name='Undo it').click()
    expect(page.get_by_role('heading', name='Undo of restore')).to_be_visible()
    expect(page.get_by_role('main').get_by_text('completed', exact=True)).to_be_visible()
    assert (machine.config / 'secrets.yaml').read_text() == 'wifi: overwritten by mistake\n'
    assert not (machine.config / 'configuration.yaml').exists()
    page.goto('/restores')
    expect(page.get_by_role('link', name='Undo of restore').first).to_be_visible()
    assert fits(page)

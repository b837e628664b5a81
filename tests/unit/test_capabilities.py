"""What this machine's rsync and disk can keep is found by trying."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.backup.capabilities import (
    FileSystem,
    Rsync,
    kept_owners,
    local_options,
    local_rsync,
    probe_file_system,
)
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT

GOOD = FileSystem(
    hard_links=True,
    xattrs=True,
    acls=True,
    case_sensitive=True,
    sparse_files=True,
    reflinks=False,
    foreign_owners=True,
)


def test_it_reads_the_version_and_features_of_rsync(tmp_path: Path) -> None:
    tool = local_rsync(tmp_path)
    said = subprocess.run(['rsync', '--version'], capture_output=True, text=True, check=True).stdout
    assert tool.version
    assert f'version {tool.version} ' in said
    assert ('ACLs' in tool.features) == ('no ACLs' not in said)


def test_it_finds_out_what_the_disk_can_keep_and_leaves_nothing(tmp_path: Path) -> None:
    found = probe_file_system(tmp_path / 'backups')
    assert found.hard_links
    assert found.case_sensitive
    assert list((tmp_path / 'backups').iterdir()) == []


@pytest.fixture
def ramfs(tmp_path: Path) -> Iterator[Path]:
    """A file system without extended attributes and ACLs."""
    folder = tmp_path / 'ramfs'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'ramfs', 'none', folder], check=True)
    yield folder
    subprocess.run(['umount', folder], check=True)


@needs_root
def test_it_switches_off_what_the_disk_cannot_keep(ramfs: Path) -> None:
    found = probe_file_system(ramfs)
    assert (found.hard_links, found.xattrs, found.subvolumes) == (True, False, False)
    tool = Rsync(version='3.5.0', features=frozenset({'ACLs', 'xattrs'}))
    options = local_options(tool, found)
    assert (options.acls, options.xattrs, options.fake_super) == (False, False, False)
    assert kept_owners(options, found) == 'real'
    without_root = replace(found, foreign_owners=False)
    assert kept_owners(local_options(tool, without_root), without_root) == 'none'
    assert os.listdir(ramfs) == []


def test_it_uses_what_both_can_keep() -> None:
    both = local_options(Rsync(version='3.5.0', features=frozenset({'ACLs', 'xattrs'})), GOOD)
    assert (both.acls, both.xattrs) == (True, True)
    without = local_options(Rsync(version='3.1.3', features=frozenset({'no ACLs', 'xattrs'})), GOOD)
    assert (without.acls, without.xattrs) == (False, True)


def test_it_keeps_owners_in_attributes_where_it_may_not_set_them() -> None:
    tool = Rsync(version='3.5.0', features=frozenset({'ACLs', 'xattrs'}))
    ours = replace(GOOD, foreign_owners=False)
    assert (local_options(tool, GOOD).fake_super, kept_owners(local_options(tool, GOOD), GOOD)) == (
        False,
        'real',
    )
    assert (local_options(tool, ours).fake_super, kept_owners(local_options(tool, ours), ours)) == (
        True,
        'fake-super',
    )
    old = Rsync(version='3.1.3', features=frozenset({'ACLs', 'no xattrs'}))
    assert kept_owners(local_options(old, ours), ours) == 'none'


def test_it_finds_out_that_cp_loses_what_folders_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cp = tmp_path / 'bin' / 'cp'
    cp.parent.mkdir()
    cp.write_text(f'#!/bin/sh\nshift\nexec {shutil.which("cp")} -dRl --preserve=mode,timestamps "$@"\n')
    cp.chmod(0o755)
    assert probe_file_system(tmp_path / 'backups').link_copies
    monkeypatch.setenv('PATH', f'{cp.parent}:{os.environ["PATH"]}')
    assert not probe_file_system(tmp_path / 'backups').link_copies
    assert os.listdir(tmp_path / 'backups') == []


def test_it_finds_out_whether_files_can_be_given_away(tmp_path: Path) -> None:
    assert probe_file_system(tmp_path / 'backups').foreign_owners is IS_ROOT


@pytest.mark.parametrize(
    ('version', 'secure'), [('3.5.0', True), ('3.4.3', True), ('3.4.1', False), ('3.2.7', False), ('', False)]
)
def test_it_knows_an_rsync_with_security_holes(version: str, secure: bool) -> None:
    assert Rsync(version=version, features=frozenset()).secure is secure

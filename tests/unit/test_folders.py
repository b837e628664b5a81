"""The order of a folder's entries, and what is remembered of it."""

import os
from pathlib import Path

import pytest

from plumbus.backup.explore import list_files
from plumbus.backup.folders import MOST_FOLDERS, By, Folders, Order
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.tree import Tree

SIZES = {'b.txt': 30, 'A.txt': 10, 'c.txt': 20, '.hidden': 5}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    tree = tmp_path / '2026-11-23T020000Z' / 'tree'
    (tree / 'zebra').mkdir(parents=True)
    (tree / 'Ape').mkdir()
    for number, (name, size) in enumerate(SIZES.items()):
        (tree / name).write_bytes(b'x' * size)
        os.utime(tree / name, (1000 + number, 1000 + number))
    for number, name in enumerate(('zebra', 'Ape')):
        os.utime(tree / name, (2000 + number, 2000 + number))
    return Snapshot(tree.parent)


def shown(snapshot: Snapshot, **order: object) -> list[str]:
    return [file.name for file in list_files(snapshot, order=Order(**order)).files]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('by', 'descending', 'expected'),
    [
        ('name', False, ['Ape', 'zebra', '.hidden', 'A.txt', 'b.txt', 'c.txt']),
        ('name', True, ['zebra', 'Ape', 'c.txt', 'b.txt', 'A.txt', '.hidden']),
        ('size', False, ['Ape', 'zebra', '.hidden', 'A.txt', 'c.txt', 'b.txt']),
        ('size', True, ['zebra', 'Ape', 'b.txt', 'c.txt', 'A.txt', '.hidden']),
        ('modified', False, ['zebra', 'Ape', 'b.txt', 'A.txt', 'c.txt', '.hidden']),
        ('modified', True, ['Ape', 'zebra', '.hidden', 'c.txt', 'A.txt', 'b.txt']),
    ],
)
def test_folders_come_first_then_what_is_asked_for(
    snapshot: Snapshot, by: By, descending: bool, expected: list[str]
) -> None:
    assert shown(snapshot, by=by, descending=descending) == expected


def test_hidden_names_are_left_out_and_not_counted(snapshot: Snapshot) -> None:
    found = list_files(snapshot, order=Order(hidden=False))
    assert '.hidden' not in [file.name for file in found.files]
    assert found.total == 5


def test_a_page_is_a_slice_of_the_order(snapshot: Snapshot) -> None:
    page = list_files(snapshot, limit=2, offset=3, order=Order(by='size'))
    assert [file.name for file in page.files] == ['A.txt', 'c.txt']
    assert page.total == 6


def test_an_order_is_worked_out_once_and_a_few_are_kept(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []
    kinds = Tree.folders_and_others
    monkeypatch.setattr(
        Tree, 'folders_and_others', lambda self, path: (looked.append(path), kinds(self, path))[1]
    )
    folders = Folders()
    for _ in range(3):
        list_files(snapshot, folders=folders)
    assert looked == [b'']
    for number in range(MOST_FOLDERS + 1):
        (snapshot.tree / 'zebra' / str(number)).mkdir()
        list_files(snapshot, f'/zebra/{number}', folders=folders)
    list_files(snapshot, folders=folders)
    assert looked.count(b'') == 2, 'the oldest was not forgotten'

"""A scan and the last manifest give a plan: what to fetch, to link, to remove."""

from collections.abc import Iterable

import pytest

from plumbus.backup.entries import entry_of, mode_bits
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Plan, Planner, folders_above
from plumbus.errors import TransferFailed
from plumbus.transfer.items import Item, parse_item

CHECKSUM = bytes(range(16))
OLD = [
    Entry(b'd', 'd', 0, 1, 0o755, 0, 0),
    Entry(b'd/a', 'f', 10, 1, 0o644, 0, 0, CHECKSUM, 'xxh128', True),
    Entry(b'd/b', 'f', 20, 1, 0o644, 0, 0, CHECKSUM, 'xxh128', True),
    Entry(b'd/sub', 'd', 0, 1, 0o755, 0, 0),
    Entry(b'd/sub/c', 'f', 30, 1, 0o644, 0, 0, CHECKSUM, 'md5', True),
]


def item(change: str, path: str, size: int = 10, rest: str = '', checksum: str = ' ' * 32) -> Item:
    line = f'{change:11}|{size}|2026/11/23-04:59:11|rw-r--r--|0|0|{checksum}|{path}//{rest}'
    parsed = parse_item(line.encode())
    assert parsed is not None
    return parsed


def plan(items: Iterable[Item], known: Iterable[Entry] = OLD) -> tuple[Plan, list[Entry]]:
    kept: list[Entry] = []
    planner = Planner(known=iter(known), keep=kept.append)
    for each in items:
        planner.add(each)
    return planner.finish(lambda: kept), kept


UNCHANGED = [
    item('.d', 'd/'),
    item('.f', 'd/a'),
    item('.f', 'd/b', 20),
    item('.d', 'd/sub/'),
    item('.f', 'd/sub/c', 30),
]


def test_it_plans_nothing_when_nothing_changed() -> None:
    made, kept = plan(UNCHANGED)
    assert not made.changes_anything
    assert (made.tally.files, made.tally.bytes, made.tally.fetch_bytes) == (3, 60, 0)
    assert [entry.path for entry in kept] == [entry.path for entry in OLD]


def test_it_inherits_checksums_of_unchanged_files() -> None:
    _, kept = plan(UNCHANGED)
    assert [entry.checksum for entry in kept if entry.kind == 'f'] == [CHECKSUM] * 3
    assert [entry.algorithm for entry in kept if entry.kind == 'f'] == ['xxh128', 'xxh128', 'md5']
    assert not any(entry.stored for entry in kept)


def test_it_fetches_changed_and_new_files() -> None:
    made, _ = plan(
        [item('.d', 'd/'), item('>f.st......', 'd/a', 15), item('>f+++++++++', 'd/aa', 7), *UNCHANGED[2:]]
    )
    assert set(made.fetch) == {b'd/a', b'd/aa'}
    tally = made.tally
    assert (tally.new, tally.changed, tally.deleted, tally.fetch_files, tally.fetch_bytes) == (1, 1, 0, 2, 22)
    assert made.touched == {b'd'}


def test_it_inherits_the_checksum_when_only_attributes_changed() -> None:
    made, _ = plan([item('.d', 'd/'), item('.f...p.....', 'd/a'), *UNCHANGED[2:]])
    assert made.fetch[b'd/a'].checksum == CHECKSUM


def test_it_forgets_the_checksum_when_the_content_changed() -> None:
    made, _ = plan([item('.d', 'd/'), item('>f..t......', 'd/a', checksum='0' * 32), *UNCHANGED[2:]])
    assert made.fetch[b'd/a'].checksum is None


def test_it_removes_what_is_gone_deepest_first() -> None:
    made, _ = plan(UNCHANGED[:2])
    assert made.remove == [b'd/sub/c', b'd/sub', b'd/b']
    assert made.tally.deleted == 2
    assert made.wanted() == [b'd']


def test_it_asks_for_no_folder_that_comes_along_with_what_is_in_it() -> None:
    made, _ = plan([item('.d', 'd/'), item('>f.st......', 'd/a', 15), *UNCHANGED[2:4]])
    assert made.wanted() == [b'd', b'd/a', b'd/sub']
    assert made.asked() == [b'd/a', b'd/sub']


def test_it_does_not_depend_on_the_order_of_the_scan() -> None:
    made, kept = plan(reversed(UNCHANGED))
    assert not made.changes_anything
    assert {entry.checksum for entry in kept if entry.kind == 'f'} == {CHECKSUM}


def test_it_links_a_new_name_of_an_unchanged_file_locally() -> None:
    made, _ = plan([*UNCHANGED[:2], item('hf+++++++++', 'd/aa', rest=' => d/a'), *UNCHANGED[2:]])
    assert made.links == [(b'd/a', b'd/aa')]
    assert made.fetch == {}
    assert made.tally.bytes == 60


def test_it_fetches_a_new_name_together_with_its_changed_leader() -> None:
    made, _ = plan(
        [
            item('.d', 'd/'),
            item('hf+++++++++', 'd/_', 11, ' => d/a'),
            item('>f.st......', 'd/a', 11),
            *UNCHANGED[2:],
        ]
    )
    assert set(made.fetch) == {b'd/a', b'd/_'}
    assert made.links == []


def test_it_links_a_name_that_was_a_file_of_its_own() -> None:
    made, _ = plan([*UNCHANGED[:2], item('hf', 'd/b', 10, ' => d/a'), *UNCHANGED[3:]])
    assert made.links == [(b'd/a', b'd/b')]
    assert made.remove == []


def test_it_replaces_a_folder_by_a_link() -> None:
    made, _ = plan([*UNCHANGED[:3], item('cL+++++++++', 'd/sub', 4, ' -> /etc')])
    assert made.remove == [b'd/sub/c', b'd/sub']
    assert made.fetch[b'd/sub'].target == b'/etc'


@pytest.mark.parametrize('path', ['../etc/passwd', 'd/../../x', '..'])
def test_it_refuses_names_that_lead_out(path: str) -> None:
    with pytest.raises(TransferFailed):
        plan([item('>f+++++++++', path)])


def test_it_notes_the_checksum_of_a_fetched_file() -> None:
    entry = entry_of(item('>f+++++++++', 'd/x', checksum='5c73e7e3dcbb0395e841f27363849a18'), None, 'xxh128')
    assert (entry.checksum, entry.algorithm) == (bytes.fromhex('5c73e7e3dcbb0395e841f27363849a18'), 'xxh128')


@pytest.mark.parametrize(
    ('text', 'bits'),
    [
        ('rwxr-xr-x', 0o755),
        ('---------', 0),
        ('rwsr-x--T', 0o5750),
        ('rw-rwSr-t', 0o3665),
        ('rwxrwsrwt', 0o3777),
    ],
)
def test_it_reads_permissions(text: str, bits: int) -> None:
    assert mode_bits(text) == bits


@pytest.mark.parametrize(
    ('sources', 'above'),
    [
        ([b'/home/pi'], {b'home'}),
        ([b'/srv/a/b', b'/srv/c'], {b'srv', b'srv/a'}),
        ([b'/home', b'/home/pi/photos/'], set()),
        ([b'/'], set()),
        ([b'/home/pi', b'/'], set()),
        ([b'/home/pi', b'/home/pin/x'], {b'home', b'home/pin'}),
    ],
)
def test_it_knows_the_folders_above_the_sources(sources: list[bytes], above: set[bytes]) -> None:
    assert folders_above(sources) == above


@pytest.mark.parametrize(('change', 'fetched'), [('.d..t......', []), ('.d..tp.....', [b'd'])])
def test_new_times_of_a_folder_above_the_sources_alone_are_no_reason_to_fetch(
    change: str, fetched: list[bytes]
) -> None:
    kept: list[Entry] = []
    planner = Planner(known=iter(OLD), keep=kept.append, above=frozenset({b'd'}))
    for each in [item(change, 'd/'), *UNCHANGED[1:]]:
        planner.add(each)
    made = planner.finish(lambda: kept)
    assert list(made.fetch) == fetched
    assert (kept[0] == OLD[0]) is (fetched == [])

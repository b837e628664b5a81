"""What a scan told that differs, joined with the last manifest: the plan, and the listing of what is there now."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from plumbus.backup.joining import Differences, Joined, listing_place, overview
from plumbus.backup.manifest import Entry
from plumbus.backup.plan import Plan, Planner
from plumbus.transfer.items import Item, parse_item

CHECKSUM = bytes(range(16))


def file(path: str, size: int = 10, born: int = 5) -> Entry:
    return Entry(path.encode(), 'f', size, 1, 0o644, 0, 0, CHECKSUM, 'xxh128', False, False, None, born)


def folder(path: str) -> Entry:
    return Entry(path.encode(), 'd', 0, 1, 0o755, 0, 0)


def item(change: str, path: str, size: int = 10) -> Item:
    line = f'{change:11}|{size}|2026/11/23-04:59:11|rw-r--r--|0|0|{"":32}|{path}//'
    parsed = parse_item(line.encode())
    assert parsed is not None
    return parsed


OLD = [
    folder('d'),
    file('d/a'),
    file('d/b', 20),
    folder('d/e'),
    file('d/e/c', 30),
    folder('d/sub'),
    file('d/sub/c', 40),
]


def joined(*items: Item, known: list[Entry] = OLD) -> tuple[Joined, Plan, int | None]:
    told = Differences()
    for each in items:
        told.take(each)
    return planned(told, known)


def planned(told: Differences, known: list[Entry]) -> tuple[Joined, Plan, int | None]:
    join = Joined(lambda: known, told, overview(known))
    planner = Planner(iter(()), lambda entry: join.fresh.update({entry.path: entry}))
    count = join.plan(planner)
    return join, planner.finish(join.entries), count


def test_it_counts_what_a_manifest_holds() -> None:
    seen = overview([*OLD, file('z', 7, born=9)])
    assert (seen.tally.files, seen.tally.folders, seen.tally.bytes, seen.entries) == (5, 3, 107, 8)
    assert seen.origins == Counter({5: 100, 9: 7})


def test_nothing_told_means_that_all_is_as_it_was() -> None:
    join, plan, count = joined()
    assert join.nothing_new
    assert not plan.changes_anything
    assert list(join.entries()) == OLD
    assert count == len(OLD)


def test_a_manifest_whose_entries_say_that_it_stored_them_is_written_anew() -> None:
    known = [OLD[0], OLD[1]._replace(stored=True)]
    join, _, _ = joined(known=known)
    assert not join.nothing_new
    assert list(join.entries()) == [OLD[0], OLD[1]]


def test_a_manifest_that_lacks_a_checksum_is_written_anew() -> None:
    join, _, _ = joined(known=[OLD[0], OLD[1]._replace(checksum=None)])
    assert not join.nothing_new


def test_what_is_new_changed_and_gone_is_planned_and_counted() -> None:
    join, plan, count = joined(
        item('*deleting', 'd/b'), item('>f.st......', 'd/a', 15), item('>f+++++++++', 'd/aa', 7)
    )
    assert set(plan.fetch) == {b'd/a', b'd/aa'}
    assert plan.remove == [b'd/b']
    assert plan.touched == {b'd'}
    tally = plan.tally
    assert (tally.files, tally.folders, tally.bytes) == (4, 3, 15 + 7 + 30 + 40)
    assert (tally.new, tally.changed, tally.deleted, tally.fetch_bytes) == (1, 1, 1, 22)
    assert count == len(list(join.entries())) == 7
    remaining, origins = join.remaining()
    assert (remaining.files, remaining.folders, remaining.bytes, origins) == (2, 3, 70, {5: 70})
    assert join.steps == [b'd', -1, b'd/a', b'd/aa', -1, 4]


def test_the_checksum_is_inherited_where_only_attributes_changed() -> None:
    _, plan, _ = joined(item('.f...p.....', 'd/a'))
    assert plan.fetch[b'd/a'].checksum == CHECKSUM


def test_another_kind_of_thing_takes_the_place_of_what_was_there() -> None:
    join, plan, count = joined(
        item('*deleting', 'd/sub/c'), item('cL+++++++++', 'd/sub'), item('cd+++++++++', 'd/b/')
    )
    assert plan.remove == [b'd/sub/c', b'd/sub', b'd/b']
    assert count == 6
    assert {entry.path: entry.kind for entry in join.entries()} == {
        b'd': 'd', b'd/a': 'f', b'd/b': 'd', b'd/e': 'd', b'd/e/c': 'f', b'd/sub': 'L',
    }  # fmt: skip


def test_a_change_of_something_that_nobody_knew_of_does_not_fit() -> None:
    assert joined(item('>f.st......', 'd/unknown'))[2] is None


def test_a_scan_with_hard_links_is_known_as_one() -> None:
    told = Differences()
    told.take(item('hf+++++++++', 'd/link'))
    assert told.linked


def test_new_entries_stand_where_rsync_would_list_them() -> None:
    new = ['d/b-', 'd/c', 'd/e/b', 'd/e/d', 'd/sub.d/x', 'd/zz']
    join, _, _ = joined(
        item('cd+++++++++', 'd/sub.d/'),
        *(item('>f+++++++++', path) for path in new),
        item('*deleting', 'd/b'),
    )
    assert [entry.path.decode() for entry in join.entries()] == [
        'd', 'd/a', 'd/b-', 'd/c', 'd/zz', 'd/e', 'd/e/b', 'd/e/c', 'd/e/d', 'd/sub.d', 'd/sub.d/x', 'd/sub', 'd/sub/c',
    ]  # fmt: skip


def entries_at_random(chance: random.Random) -> list[Entry]:
    paths: dict[str, Callable[[str], Entry]] = {}
    for _ in range(60):
        parts = chance.choices(['a', 'b', 'b.c', 'b c', 'B', 'é', 'z'], k=chance.randint(1, 4))
        above = ['/'.join(parts[:depth]) for depth in range(1, len(parts))]
        if not any(paths.get(one) is file for one in above):
            paths |= dict.fromkeys(above, folder)
            paths.setdefault('/'.join(parts), file)
    return sorted((make(path) for path, make in paths.items()), key=listing_place)


@pytest.mark.parametrize('seed', range(20))
def test_a_listing_with_something_new_is_in_order_wherever_that_goes(seed: int) -> None:
    chance = random.Random(seed)
    whole = entries_at_random(chance)
    new: set[bytes] = set()
    for entry in whole:
        if entry.path.rpartition(b'/')[0] in new or chance.random() < 0.3:
            new.add(entry.path)
    told = Differences()
    for entry in whole:
        if entry.path in new:
            told.take(item(f'{"cd" if entry.kind == "d" else ">f"}+++++++++', entry.path.decode()))
    known = [entry for entry in whole if entry.path not in new]
    join, _, _ = planned(told, known)
    assert [entry.path for entry in join.entries()] == [entry.path for entry in whole]

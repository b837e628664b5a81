"""The short way through a listing leads to the same entries, plan and counts as the long one."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbus.backup.entries import entry_of
from plumbus.backup.listing import OutputReader, Skim
from plumbus.backup.manifest import Entry
from plumbus.backup.plain import NewLines, UnchangedLines
from plumbus.backup.plan import Plan, Planner
from plumbus.backup.tally import Tally
from plumbus.transfer.items import Item

SEAL = '0f' * 8
TIME = '2026/11/23-04:59:11'
SECONDS = 1795409951
KNOWN = [
    Entry(b'.', 'd', 0, SECONDS, 0o755, 0, 0),
    Entry(b'd', 'd', 0, SECONDS, 0o755, 0, 0),
    Entry(b'd/a', 'f', 3, SECONDS, 0o644, 0, 0, b'\1' * 16, 'xxh128', stored=True, born=5),
    Entry(b'd/b', 'f', 4, SECONDS, 0o4755, 7, 8, b'\2' * 16, 'xxh128', born=6),
    Entry(b'd/h', 'f', 4, SECONDS, 0o644, 7, 8, b'\2' * 16, 'xxh128', linked=True, target=b'd/b', born=6),
    Entry(b'd/l', 'L', 1, SECONDS, 0o777, 0, 0, target=b'a'),
    Entry(b'd/p', 'S', 0, SECONDS, 0o644, 0, 0),
]
UNCHANGED = [
    f'.d         |4096|{TIME}|rwxr-xr-x|0|0|{" " * 32}|.///',
    f'.d         |4096|{TIME}|rwxr-xr-x|0|0|{" " * 32}|d///',
    f'.f         |3|{TIME}|rw-r--r--|0|0|{" " * 32}|d/a//',
    f'.f         |4|{TIME}|rwsr-xr-x|7|8|{" " * 32}|d/b//',
    f'hf         |4|{TIME}|rw-r--r--|7|8|{" " * 32}|d/h//',
    f'.L         |1|{TIME}|rwxrwxrwx|0|0|{" " * 32}|d/l// -> a',
    f'.S         |0|{TIME}|rw-r--r--|0|0|{" " * 32}|d/p//',
]
CHANGES = [
    '.f         ',
    '.f..t......',
    '>f.st......',
    '>f+++++++++',
    'hf         ',
    '.L         ',
    '.d         ',
    'cd+++++++++',
]
FIELDS = st.tuples(
    st.sampled_from(CHANGES),
    st.sampled_from(['0', '3', '4']),
    st.sampled_from([TIME, TIME.replace('11', '12'), '-999/01/01-00:00:00']),
    st.sampled_from(['rw-r--r--', 'rwsr-xr-x']),
    st.sampled_from(['0|0', '7|8', '7|DEFAULT']),
    st.sampled_from([' ' * 32, '1' * 32]),
    st.sampled_from(['d/a//', 'd/b//', 'd///', 'd/l// -> a', 'd/l// -> b', 'd/h// => d/a', r'd/\#303//', 'd/z//', 'd/b| |c//']),
)  # fmt: skip
LINES = st.lists(st.one_of(st.sampled_from(UNCHANGED), FIELDS.map('|'.join)), max_size=12)


def read(lines: list[str], skims: bool, known: Iterator[Entry]) -> tuple[Plan, list[Entry], int]:
    kept: list[Entry] = []
    planner = Planner(known, kept.append, frozenset({b'd/p'}))
    skim: Skim | None = UnchangedLines(planner, SEAL).skim if skims else None
    reader = OutputReader(planner.add, lambda progress, items: None, SEAL, skim)
    sealed = [f'{SEAL}{line}'.encode() for line in lines]
    for start in range(0, len(sealed), 5):
        reader(sealed[start : start + 5])
    reader.check()
    return planner.finish(lambda: kept), kept, reader.skimmed


def test_what_is_unchanged_is_kept_on_the_short_way_but_for_odd_kinds() -> None:
    plan, kept, skimmed = read(UNCHANGED, True, iter(KNOWN))
    assert skimmed == len(UNCHANGED) - 2
    assert kept == [entry._replace(stored=False) for entry in KNOWN]
    assert list(plan.fetch) == [b'd/p']
    assert (plan.tally.files, plan.tally.folders, plan.tally.bytes) == (5, 2, 7)


@pytest.mark.parametrize('change', ['|3|', ':11|', 'rw-r', '|0|0', 'd/a', '.f', '-> a'])
def test_a_line_that_differs_from_what_is_known_leads_to_the_same_on_both_ways(change: str) -> None:
    others = {
        '|3|': '|4|', ':11|': ':12|', 'rw-r': 'rw--', '|0|0': '|0|1', 'd/a': 'd/c', '.f': '.L', '-> a': '-> b'
    }  # fmt: skip
    lines = [line.replace(change, others[change]) for line in UNCHANGED]
    assert lines != UNCHANGED
    short, long = (read(lines, skims, iter(KNOWN)) for skims in (True, False))
    assert short[:2] == long[:2]
    assert short[1] != read(UNCHANGED, False, iter(KNOWN))[1]


@given(LINES, st.permutations(KNOWN), st.integers(0, len(KNOWN)))
def test_both_ways_lead_to_the_same(lines: list[str], known: list[Entry], missing: int) -> None:
    for order in (KNOWN, known[missing:]):
        short, long = (read(lines, skims, iter(order)) for skims in (True, False))
        assert short[:2] == long[:2]


@given(LINES, st.booleans())
def test_what_is_new_is_counted_alike(lines: list[str], forged: bool) -> None:
    tallies = []
    for skims in (True, False):
        tally = Tally()

        def take(item: Item, tally: Tally = tally) -> None:
            tally.see(item, entry_of(item))

        reader = OutputReader(
            take, lambda progress, items: None, SEAL, NewLines(tally, SEAL).skim if skims else None
        )
        reader([f'{"" if forged else SEAL}{line}'.encode() for line in lines])
        tallies.append(tally)
    assert tallies[0] == tallies[1]


def test_an_item_behind_an_unfinished_line_of_a_client_is_not_lost() -> None:
    taken: list[Item] = []
    reader = OutputReader(taken.append, lambda progress, items: None, SEAL)
    reader([f'   what a client says{SEAL}{UNCHANGED[2]}'.encode(), b'   1  1%   1.00kB/s    0:00:00 '])
    assert [item.path for item in taken] == [b'd/a']

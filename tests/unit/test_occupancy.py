"""The bytes that come free are those of files which no snapshot that stays has part in."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from plumbus.backup.occupancy import Holding, freed_bytes

FIRST = Holding(time=10, goes=False, origins={10: 100})
SECOND = Holding(time=20, goes=False, origins={10: 90, 20: 7})
THIRD = Holding(time=30, goes=False, origins={10: 90, 20: 2, 30: 1})


def gone(*times: int) -> int:
    chain = [
        Holding(time=one.time, goes=one.time in times, origins=one.origins) for one in (FIRST, SECOND, THIRD)
    ]
    return freed_bytes(chain)


def test_only_what_nobody_else_holds_comes_free() -> None:
    assert gone() == 0
    assert gone(10) == 10  # the next one still has 90 of its 100 bytes
    assert gone(20) == 5
    assert gone(30) == 1
    assert gone(10, 20) == 15
    assert gone(10, 30) == 11
    assert gone(10, 20, 30) == 108


def test_what_a_snapshot_long_gone_had_stored_belongs_to_those_that_still_hold_it() -> None:
    chain = [
        Holding(time=20, goes=True, origins={5: 40, 20: 7}),
        Holding(time=30, goes=False, origins={5: 40}),
    ]
    assert freed_bytes(chain) == 7
    assert freed_bytes(chain[:1]) == 47


Tree = dict[str, tuple[int, int]]  # path → when it was stored, size
EDITS = st.dictionaries(st.sampled_from('abcdef'), st.one_of(st.none(), st.integers(1, 50)), max_size=4)


@st.composite
def histories(draw: st.DrawFn) -> dict[int, Tree]:
    """Snapshots by time, each made from the one before; some have been removed since."""
    tree: Tree = {}
    history = {}
    for time in range(1, draw(st.integers(1, 9)) + 1):
        for path, size in draw(EDITS).items():
            tree = {known: value for known, value in tree.items() if known != path}
            if size is not None:
                tree[path] = (time, size)
        history[time] = tree
    removed = draw(st.sets(st.sampled_from(sorted(history))))
    return {time: tree for time, tree in history.items() if time not in removed}


@given(histories(), st.data())
def test_it_is_what_counting_every_single_file_gives(history: dict[int, Tree], data: st.DataObject) -> None:
    goes = data.draw(st.sets(st.sampled_from(sorted(history)))) if history else set()
    chain = []
    inodes: dict[bool, set[tuple[str, int, int]]] = {True: set(), False: set()}
    for time, tree in history.items():
        origins: Counter[int] = Counter()
        for path, (stored, size) in tree.items():
            origins[stored] += size
            inodes[time in goes].add((path, stored, size))
        chain.append(Holding(time=time, goes=time in goes, origins=origins))
    assert freed_bytes(chain) == sum(size for _, _, size in inodes[True] - inodes[False])

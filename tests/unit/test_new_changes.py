"""The short ways through the dry run and the copy of a restore lead to the same as the long ones."""

from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbus.backup.changes import Plan, Planned
from plumbus.backup.copied import Copied
from plumbus.backup.listing import OutputReader
from plumbus.backup.plain import new_in_plan
from plumbus.transfer.lookup import Found

SEAL = '0f' * 8
TIME = '2026/11/23-04:59:11'
FIELDS = st.tuples(
    st.sampled_from(['<f+++++++++', '>f+++++++++', 'cd+++++++++', 'cL+++++++++', '<f.st......', '.d..t......', 'hf+++++++++', '.f         ']),
    st.sampled_from(['0', '7']),
    st.sampled_from([TIME, '-999/01/01-00:00:00']),
    st.just('rw-r--r--|0|0'),
    st.just(' ' * 32),
    st.sampled_from(['d/a//', 'd///', './//', 'd/h// => d/a', r'd/\#303//', 'd/b| |c//', 'd/../x//', 'ä//']),
)  # fmt: skip
LINES = st.lists(FIELDS.map('|'.join), max_size=8)


def planned(lines: list[str], folder: Path, *, skims: bool) -> tuple[list[Planned], list[bytes], int]:
    with Plan(b'/home/', folder) as plan:
        skim = new_in_plan(plan, SEAL).skim if skims else None
        reader = OutputReader(plan.take, lambda _, __: None, SEAL, skim)
        reader([f'{SEAL}{line}'.encode() for line in lines])
        return list(plan), list(plan.in_the_way()), reader.skimmed


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_lead_to_the_same(tmp_path: Path, lines: list[str]) -> None:
    assert planned(lines, tmp_path, skims=True)[:2] == planned(lines, tmp_path, skims=False)[:2]


def test_plain_files_and_folders_go_the_short_way(tmp_path: Path) -> None:
    lines = [f'cd+++++++++|4096|{TIME}|rwxr-xr-x|0|0|{" " * 32}|d///', f'<f+++++++++|7|{TIME}|rw-r--r--|0|0|{" " * 32}|d/a//']  # fmt: skip
    found, in_the_way, skimmed = planned(lines, tmp_path, skims=True)
    assert [(one.path, one.action, one.kind, one.size) for one in found] == [
        (b'/home/d', 'create', 'folder', 4096), (b'/home/d/a', 'create', 'file', 7),
    ]  # fmt: skip
    assert (in_the_way, skimmed) == ([b'/home/d'], 2)


def copied(lines: list[str], folder: Path, *, skims: bool) -> tuple[Any, ...]:
    """What a restore counts, logs and shows of what its copy lists."""
    said: list[str] = []
    shown: list[str | None] = []

    class Reporter:
        def show_copied(self, _progress: object, lines: list[str], current: str | None) -> None:
            said.extend(lines)
            shown.append(current)

    found = {b'/home/d/a': Found('file', 3, 1), b'/home/\xc3\xa4': Found('folder', 0, 1)}
    with Plan(b'/home/', folder) as plan:
        one = Copied(plan=plan, found=found, reporter=cast(Any, Reporter()), seal=SEAL)
        reader = one.reader()
        if not skims:
            reader.skim = None
        for half in (lines[:4], lines[4:]):
            reader([f'{SEAL}{line}'.encode() for line in half])
        total = one.total()
    return total.files, total.written, total.summary.counts, said, shown


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_copy_is_counted_and_shown_alike_both_ways(tmp_path: Path, lines: list[str]) -> None:
    assert copied(lines, tmp_path, skims=True) == copied(lines, tmp_path, skims=False)


def test_a_copy_counts_what_it_replaces(tmp_path: Path) -> None:
    rest = f'{TIME}|rw-r--r--|0|0|{" " * 32}'
    lines = [f'<f+++++++++|7|{rest}|d/a//', f'<f+++++++++|5|{rest}|d/b//', f'.f         |9|{rest}|d/c//', f'cd+++++++++|4096|{rest}|e///']  # fmt: skip
    files, written, counts, said, shown = copied(lines, tmp_path, skims=True)
    assert (files, written) == (2, 2)
    assert counts['create'] == {'count': 2, 'bytes': 5, 'old_bytes': 0}
    assert counts['overwrite'] == {'count': 1, 'bytes': 7, 'old_bytes': 3}
    assert said == ['<f+++++++++ d/a', '<f+++++++++ d/b', 'cd+++++++++ e']
    assert shown[-1] == '/home/d/b'

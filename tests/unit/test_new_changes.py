"""The short way through the dry run of a restore leads to the same plan as the long one."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbus.backup.changes import Plan, Planned
from plumbus.backup.listing import OutputReader
from plumbus.backup.plain import NewChanges

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
        skim = NewChanges(plan, SEAL).skim if skims else None
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

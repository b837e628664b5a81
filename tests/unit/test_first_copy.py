"""The short way through what a first run lists leads to the same entries, counts and log as the long one."""

from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbus.backup.finishing import Listed
from plumbus.backup.first_copy import FirstCopy
from plumbus.backup.manifest import Entry, ManifestWriter

SEAL = '0f' * 8
TIME = '2026/11/23-04:59:11'
CHECKSUM = '0123456789abcdef' * 2
FIELDS = st.tuples(
    st.sampled_from(['>f+++++++++', 'cd+++++++++', 'cL+++++++++', 'hf+++++++++', '.d..t......', '*deleting  ', 'cS+++++++++']),
    st.sampled_from(['0', '7', 'x']),
    st.sampled_from([TIME, '-999/01/01-00:00:00']),
    st.sampled_from(['rw-r--r--', 'rwsr-x--T', 'rw-']),
    st.sampled_from(['0|0', '1000|DEFAULT', '|0']),
    st.sampled_from([' ' * 32, '0' * 32, CHECKSUM, '00' * 4 + ' ' * 24]),
    st.sampled_from(['d/a//', 'd///', './//', 'd/h// => d/a', r'd/\#303//', 'd/b| |c//', 'ä//', 'd/l// -> ../x']),
)  # fmt: skip
LINES = st.lists(FIELDS.map('|'.join), max_size=8)


def taken(lines: list[str], folder: Path, *, skims: bool) -> tuple[list[Entry], tuple[Any, ...], int]:
    """The entries, everything else that is known at the end, and how many lines went the short way."""
    said: list[str] = []
    shown: list[str | None] = []

    class Reporter:
        def show_copied(self, _progress: object, lines: list[str], current: str | None) -> None:
            said.extend(lines)
            shown.append(current)

    entries: list[Entry] = []
    with ManifestWriter(folder / 'noted') as writer:
        noted = Listed(folder / 'noted', writer)
        copy = FirstCopy(noted=noted, reporter=cast(Any, Reporter()), moment=9, seal=SEAL, look=lambda: None)
        if not skims:
            copy.reader.skim = None
        copy.reader([b'Client negotiated checksum: xxh128'])
        copy.reader([f'{SEAL}{line}'.encode() for line in lines])
    entries = list(noted.entries())
    rest = (copy.came, noted.whole, noted.origins, said, shown, copy.reader.unread)
    return entries, rest, copy.reader.skimmed


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_both_ways_lead_to_the_same(tmp_path: Path, lines: list[str]) -> None:
    assert taken(lines, tmp_path, skims=True)[:2] == taken(lines, tmp_path, skims=False)[:2]


def test_plain_files_and_folders_go_the_short_way(tmp_path: Path) -> None:
    lines = [
        f'cd+++++++++|4096|{TIME}|rwxr-xr-x|0|0|{"":32}|d///',
        f'>f+++++++++|7|{TIME}|rw-r--r--|1|2|{CHECKSUM}|d/a//',
    ]
    entries, _, skimmed = taken(lines, tmp_path, skims=True)
    assert skimmed == 2
    assert entries[0] == Entry(b'd', 'd', 0, entries[1].mtime, 0o755, 0, 0)
    assert entries[1][:9] == (
        b'd/a',
        'f',
        7,
        entries[0].mtime,
        0o644,
        1,
        2,
        bytes.fromhex(CHECKSUM),
        'xxh128',
    )
    assert entries[1].born == 9

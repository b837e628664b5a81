"""What a run tells of itself while rsync goes on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbus.backup.reporting import Reporter
from plumbus.events import EventBus
from plumbus.store.runlog import RunLogs
from plumbus.transfer.items import Item, parse_item, parse_progress

HALFWAY = b'      1048576  50%  100.00MB/s    0:00:01  '
AT_AN_END = b'      2097152 100%  100.00MB/s    0:00:01 (xfr#7, to-chk=2/9)'


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    """Of a run that fetches."""
    made = Reporter('backup', 1, RunLogs(tmp_path), EventBus(), lambda: datetime.now(UTC))
    made.phase('fetching', bytes_total=2**21, files_total=9)
    return made


def item(change: str, path: str) -> Item:
    """Return what rsync tells of a path."""
    found = parse_item(f'{change}|5|2026/11/23-10:00:00|rw-r--r--|0|0|{" " * 32}|{path}//'.encode())
    assert found
    return found


def test_the_count_of_files_holds_while_the_next_one_is_on_its_way(reporter: Reporter) -> None:
    reporter.show_transfer(parse_progress(AT_AN_END), [item('>f+++++++++', 'srv/a')], '/')
    reporter.show_transfer(parse_progress(HALFWAY), [])
    assert (reporter.progress.files, reporter.progress.current_file) == (7, '/srv/a')


def test_a_folder_is_no_current_file(reporter: Reporter) -> None:
    reporter.phase('fetching', bytes_total=2**21, files_total=1, current='/srv/film.mov')
    reporter.show_transfer(parse_progress(HALFWAY), [item('.d..t......', 'srv')], '/')
    assert reporter.progress.current_file == '/srv/film.mov'

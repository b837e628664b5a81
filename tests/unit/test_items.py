"""Reading rsync's output: lines as rsync 3.5.0 printed them, and lines that somebody made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbus.transfer.items import (
    UNKNOWN_GROUP,
    Item,
    parse_checksum_name,
    parse_item,
    parse_progress,
    parse_stat,
    unescape,
)

NO_SUM = b' ' * 32
ZERO_SUM = b'0' * 32
SUM = b'5c73e7e3dcbb0395e841f27363849a18'


def item(line: bytes) -> Item:
    found = parse_item(line)
    assert found is not None
    return found


def test_it_reads_a_new_file() -> None:
    found = item(b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|1000|100|' + SUM + b'|home/pi/b//')

    assert found == Item(b'>f+++++++++', 2, 1795409951, 'rw-r--r--', 1000, 100, SUM, b'home/pi/b', b'')
    assert (found.kind, found.is_new, found.has_data, found.is_unchanged) == ('file', True, True, False)


@pytest.mark.parametrize(
    ('line', 'kind', 'path', 'extra'),
    [
        (b'cd+++++++++|4096|2026/11/23-04:59:11|rwxr-xr-x|0|0|' + NO_SUM + b'|d///', 'folder', b'd', b''),
        (b'.d         |4096|2026/11/23-04:59:11|rwxr-xr-x|0|0|' + NO_SUM + b'|.///', 'folder', b'.', b''),
        (b'cL+++++++++|8|2026/11/23-04:59:11|rwxrwxrwx|0|0|' + NO_SUM + b'|e/l// -> /now//here', 'link', b'e/l', b'/now//here'),
        (b'cL+++++++++|6|2026/11/23-04:59:11|rwxrwxrwx|0|0|' + NO_SUM + b'|l -> x// -> a => b', 'link', b'l -> x', b'a => b'),
        (b'cD+++++++++|0|2026/11/23-04:59:11|rw-------|0|0|' + NO_SUM + b'|dev//', 'device', b'dev', b''),
        (b'cS+++++++++|0|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|fifo//', 'special', b'fifo', b''),
        (b'hf+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a -> b// => h\\#012', 'file', b'a -> b', b'h\n'),
        (b'hf         |2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|h => l//', 'file', b'h => l', b''),
        (b'hL+++++++++|9|2026/11/23-04:59:11|rwxrwxrwx|0|0|' + NO_SUM + b'|l1hard// => l1', 'link', b'l1hard', b'l1'),
        (b'hL         |9|2026/11/23-04:59:11|rwxrwxrwx|0|0|' + NO_SUM + b'|l1hard// -> /x', 'link', b'l1hard', b''),
        (b'.f         |2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a|b|c//', 'file', b'a|b|c', b''),
        (b'*deleting  |0|1970/01/01-00:00:00|rwxr-xr-x|0|0|' + NO_SUM + b'|ed/x///', 'folder', b'ed/x', b'/'),
        (b'*deleting  |0|1970/01/01-00:00:00|rw-r--r--|0|0|' + NO_SUM + b'|ed//', 'file', b'ed', b''),
    ],
)  # fmt: skip
def test_it_tells_what_lies_where_and_where_it_points(
    line: bytes, kind: str, path: bytes, extra: bytes
) -> None:
    found = item(line)

    assert (found.kind, found.path, found.extra) == (kind, path, extra)
    assert found.is_dir == (kind == 'folder')
    assert found.is_link == (kind == 'link')
    assert found.is_hardlink == line.startswith(b'h')
    assert found.is_deleted == line.startswith(b'*')


@pytest.mark.parametrize(
    ('change', 'true'),
    [
        (b'>f+++++++++', {'is_new', 'has_data'}),
        (b'<f.st......', {'has_data'}),
        (b'.f         ', {'is_unchanged'}),
        (b'.f...p.....', {'attributes_only'}),
        (b'.d..t......', {'attributes_only'}),
        (b'cL..T......', set()),
        (b'cd+++++++++', {'is_new'}),
        (b'hf.st......', {'is_hardlink'}),
        (b'hf         ', {'is_hardlink', 'is_unchanged'}),
        (b'*deleting  ', {'is_deleted'}),
    ],
)
def test_it_tells_what_changes(change: bytes, true: set[str]) -> None:
    found = item(change + b'|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + ZERO_SUM + b'|a//')

    names = {
        'is_new', 'is_unchanged', 'has_data', 'attributes_only', 'is_hardlink', 'is_deleted'
    }  # fmt: skip
    assert {name for name in names if getattr(found, name)} == true


def test_it_has_no_checksum_where_none_was_computed() -> None:
    for nothing in (NO_SUM, ZERO_SUM, b''):
        assert item(b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + nothing + b'|a//').checksum is None


def test_it_reads_a_group_that_rsync_does_not_tell() -> None:
    line = b'cd+++++++++|4096|2026/11/23-04:59:11|rwxrwxrwt|0|DEFAULT|' + NO_SUM + b'|tmp///'

    assert (item(line).path, item(line).gid) == (b'tmp', UNKNOWN_GROUP)


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [
        (b'1970/01/01-00:00:00', 0),
        (b'1969/12/31-23:59:59', -1),
        (b'2100/01/01-00:00:00', 4_102_444_800),
        (b'2024/02/29-12:00:00', 1_709_208_000),
        (b'9999/12/31-23:59:59', 253_402_300_799),
        (b'---1/01/01-00:00:00', -62_135_596_800),
        (b'-385/07/25-07:06:40', -50_000_000_000),
        (b'---0/12/31-23:59:59', 0),
        (b'10000/01/01-00:00:0', 0),
        (b'1141709097/06/13-06', 0),
        (b'99999999999999/01/0', 0),
        (b'-32873/11/12-23:23:', 0),
        (b'(time-out-of-range)', 0),
    ],
)
def test_it_reads_times(text: bytes, seconds: int) -> None:
    line = b'.f         |2|' + text + b'|rw-r--r--|0|0|' + NO_SUM + b'|a//'

    assert item(line).mtime == seconds


@pytest.mark.parametrize(
    'line',
    [
        b'',
        b'Number of files: 10',
        b'skipping non-regular file "x"',
        b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM,
        b'>f+++++++++|-2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a//',
        b'>f+++++++++|' + b'9' * 5000 + b'|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a//',
        b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r-|0|0|' + NO_SUM + b'|a//',
        b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|not hexadecimal|a//',
        b'>x+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a//',
        b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|//',
    ],
)
def test_it_leaves_other_lines_alone(line: bytes) -> None:
    assert parse_item(line) is None


@given(st.binary(max_size=300))
def test_it_never_raises(line: bytes) -> None:
    for parse in (parse_item, parse_progress, parse_stat, parse_checksum_name, unescape):
        parse(line)


@given(st.lists(st.binary(max_size=40), min_size=8, max_size=8))
def test_it_never_raises_on_anything_with_the_shape_of_an_item(fields: list[bytes]) -> None:
    line = b'>f+++++++++|2|2026/11/23-04:59:11|rw-r--r--|0|0|' + NO_SUM + b'|a//'

    for number, field in enumerate(fields):
        parts = line.split(b'|', 7)
        parts[number] = field
        parse_item(b'|'.join(parts))


@pytest.mark.parametrize(
    ('printed', 'name'),
    [
        (rb'plain', b'plain'),
        (rb'new\#012line', b'new\nline'),
        (rb'\#134#012', rb'\#012'),
        (rb'\\#134#012', rb'\\#012'),
        (rb'em\#ty', rb'em\#ty'),
        (rb'inv\#377\#376', b'inv\xff\xfe'),
        (rb'back\slash\\', rb'back\slash\\'),
        (rb'\#777', rb'\#777'),
    ],
)
def test_it_unescapes_names(printed: bytes, name: bytes) -> None:
    assert unescape(printed) == name


def test_it_reads_progress() -> None:
    found = parse_progress(b'       62914560  98%   20.63MB/s    0:00:02 (xfr#1, to-chk=8/10)')

    assert found is not None
    assert (found.bytes, found.percent, found.rate_bps) == (62914560, 98, 20.63 * 1024 * 1024)
    assert (found.files_done, found.files_left, found.files_known, found.scanning) == (1, 8, 10, False)


def test_it_reads_progress_in_the_middle_of_a_file_and_while_the_list_grows() -> None:
    within = parse_progress(b'      4259840  53%    3.91kB/s    0:00:00  ')
    growing = parse_progress(b'             0   0%    0.00kB/s    0:00:00 (xfr#0, ir-chk=1000/3009)')

    assert within is not None
    assert (within.bytes, within.files_done, within.scanning) == (4259840, None, False)
    assert growing is not None
    assert (growing.files_left, growing.files_known, growing.scanning) == (1000, 3009, True)


@pytest.mark.parametrize(
    ('line', 'stat'),
    [
        (b'Number of files: 10 (reg: 8, dir: 2)', ('files', 10)),
        (b'Number of created files: 0', ('created_files', 0)),
        (b'Number of deleted files: 3 (reg: 3)', ('deleted_files', 3)),
        (b'Number of regular files transferred: 8', ('transferred_files', 8)),
        (b'Total file size: 63914563 bytes', ('total_bytes', 63914563)),
        (b'Total transferred file size: 5 bytes', ('transferred_bytes', 5)),
        (b'Literal data: 7 bytes', ('literal_bytes', 7)),
        (b'Matched data: 8 bytes', ('matched_bytes', 8)),
        (b'Total bytes sent: 209', ('sent_bytes', 209)),
        (b'Total bytes received: 63930729', ('received_bytes', 63930729)),
        (b'File list size: 46135', None),
        (b'total size is 40003000  speedup is 0.99', None),
        (b'>f+++++++++|2|Number of files: 10', None),
    ],
)
def test_it_reads_statistics(line: bytes, stat: tuple[str, int] | None) -> None:
    assert parse_stat(line) == stat


@pytest.mark.parametrize(
    ('line', 'name'),
    [
        (b'Client negotiated checksum: xxh128', 'xxh128'),
        (b'Client checksum: md5', 'md5'),
        (b'Client checksum: md4', 'md4'),
        (b'Client negotiated compress: zstd (level 3)', None),
        (b'Client checksum: ../../etc', None),
    ],
)
def test_it_reads_the_name_of_the_checksum(line: bytes, name: str | None) -> None:
    assert parse_checksum_name(line) == name

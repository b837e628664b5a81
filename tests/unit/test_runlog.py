"""Logs of runs: appended, followed, streamed, cut and removed."""

import threading
from pathlib import Path

import pytest

from plumbus.errors import StoreError
from plumbus.store.runlog import CUT, RunLogs


@pytest.fixture
def logs(tmp_path: Path) -> RunLogs:
    return RunLogs(tmp_path / 'logs')


def whole(logs: RunLogs, run_id: int = 1) -> str:
    return b''.join(logs.read('backup', run_id)).decode()


def test_it_keeps_lines_in_order(logs: RunLogs) -> None:
    logs.append('backup', 1, ['02:00:00 one', '02:00:01 Küche'])
    logs.append('backup', 1, ['02:00:02 three'])
    assert whole(logs) == '02:00:00 one\n02:00:01 Küche\n02:00:02 three\n'
    assert logs.tail('backup', 1) == ['02:00:00 one', '02:00:01 Küche', '02:00:02 three']


def test_it_keeps_the_logs_of_runs_apart(logs: RunLogs, tmp_path: Path) -> None:
    logs.append('backup', 1, ['a backup'])
    logs.append('backup', 11, ['another'])
    logs.append('restore', 1, ['a restore'])
    assert logs.tail('backup', 1) == ['a backup']
    assert logs.tail('restore', 1) == ['a restore']
    assert sorted(path.name for path in (tmp_path / 'logs').iterdir()) == [
        'backup-1.log',
        'backup-11.log',
        'restore-1.log',
    ]


def test_it_lets_nobody_else_read_a_log(logs: RunLogs, tmp_path: Path) -> None:
    logs.append('backup', 1, ['x'])
    assert (tmp_path / 'logs').stat().st_mode & 0o777 == 0o700
    assert (tmp_path / 'logs' / 'backup-1.log').stat().st_mode & 0o777 == 0o600


def test_it_reads_a_missing_log_as_empty(logs: RunLogs) -> None:
    assert not logs.exists('backup', 1)
    assert logs.tail('backup', 1) == []
    assert list(logs.read('backup', 1)) == []
    logs.delete('backup', 1)


@pytest.mark.parametrize('count', [1, 2, 499, 500, 501])
def test_it_hands_out_the_last_lines_only(logs: RunLogs, count: int) -> None:
    lines = [f'02:00:00 line {number}' for number in range(500)]
    logs.append('backup', 1, lines)
    assert logs.tail('backup', 1, count) == lines[-count:]


def test_it_finds_the_last_lines_of_a_log_longer_than_its_blocks(logs: RunLogs) -> None:
    lines = [f'{number} ' + 'ü' * 5000 for number in range(60)]
    logs.append('backup', 1, lines)
    assert logs.tail('backup', 1, 40) == lines[-40:]
    assert logs.tail('backup', 1, 0) == []
    assert whole(logs) == '\n'.join(lines) + '\n'


def test_it_keeps_one_line_one_line(logs: RunLogs) -> None:
    logs.append('backup', 1, ['a\nb\rc', '', 'lone \udcff half'])
    assert logs.tail('backup', 1) == ['a b c', '', 'lone ? half']


def test_it_shows_a_line_that_a_crash_cut_short(logs: RunLogs, tmp_path: Path) -> None:
    logs.append('backup', 1, ['whole'])
    with (tmp_path / 'logs' / 'backup-1.log').open('ab') as file:
        file.write(b'cut sho\xc3')
    assert logs.tail('backup', 1) == ['whole', 'cut sho�']


def test_it_cuts_a_log_that_grows_too_long_and_says_so_once(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, max_bytes=100)
    for _ in range(3):
        logs.append('backup', 1, ['x' * 39, 'y' * 39, 'z' * 39, 'never'])
    RunLogs(tmp_path, max_bytes=100).append('backup', 1, ['neither after a restart'])
    assert logs.tail('backup', 1) == ['x' * 39, 'y' * 39, 'z' * 39, CUT]


def test_it_cuts_between_two_appends_too(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, max_bytes=10)
    for _ in range(4):
        logs.append('backup', 1, ['1234'])
    assert logs.tail('backup', 1) == ['1234', '1234', CUT]


def test_it_loses_no_line_of_many_threads(logs: RunLogs) -> None:
    def work(number: int) -> None:
        for step in range(50):
            logs.append('backup', 1, [f'{number} {step}', 'x' * 200])

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    lines = logs.tail('backup', 1, 10_000)
    assert len(lines) == 600
    for number in range(6):
        assert [line for line in lines if line.startswith(f'{number} ')] == [
            f'{number} {step}' for step in range(50)
        ]


def test_it_removes_a_log(logs: RunLogs) -> None:
    logs.append('backup', 1, ['x'])
    assert logs.exists('backup', 1)
    logs.delete('backup', 1)
    assert not logs.exists('backup', 1)


def test_it_does_not_follow_a_link_in_place_of_a_log(logs: RunLogs, tmp_path: Path) -> None:
    (tmp_path / 'logs').mkdir()
    (tmp_path / 'precious').write_text('kept')
    (tmp_path / 'logs' / 'backup-1.log').symlink_to(tmp_path / 'precious')
    with pytest.raises(StoreError):
        logs.append('backup', 1, ['x'])
    assert (tmp_path / 'precious').read_text() == 'kept'


def test_it_names_the_log_when_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / 'logs').write_text('in the way')
    with pytest.raises(StoreError, match=r'logs/backup-1\.log') as caught:
        RunLogs(tmp_path / 'logs').append('backup', 1, ['x'])
    assert caught.value.remedy
    assert str(tmp_path) not in str(caught.value)


def test_it_knows_the_highest_id_that_has_a_log(logs: RunLogs, tmp_path: Path) -> None:
    assert logs.newest('backup') == 0
    for run_id in (9, 10):
        logs.append('backup', run_id, ['x'])
    logs.append('restore', 12, ['x'])
    (tmp_path / 'logs' / 'backup-77.log.old').touch()
    assert (logs.newest('backup'), logs.newest('restore')) == (10, 12)


def test_a_long_log_of_an_ended_run_takes_less_room_and_reads_as_before(
    logs: RunLogs, tmp_path: Path
) -> None:
    lines = [f'02:00:00 >f+++++++++ home/file-{number}' for number in range(20_000)]
    logs.append('backup', 1, lines)
    before = (tmp_path / 'logs' / 'backup-1.log').stat().st_size
    logs.pack('backup', 1)
    logs.pack('backup', 1)
    (packed,) = (tmp_path / 'logs').iterdir()
    assert packed.stat().st_size < before / 5
    assert packed.stat().st_mode & 0o777 == 0o600
    assert logs.exists('backup', 1)
    assert logs.newest('backup') == 1
    assert whole(logs).splitlines() == lines
    assert logs.tail('backup', 1, 3) == lines[-3:]
    logs.append('backup', 1, ['one line more'])
    assert whole(logs).splitlines() == [*lines, 'one line more']
    logs.delete('backup', 1)
    assert list((tmp_path / 'logs').iterdir()) == []


def test_a_short_log_stays_as_it_is_and_a_missing_one_is_none(logs: RunLogs, tmp_path: Path) -> None:
    logs.append('backup', 1, ['x'])
    logs.pack('backup', 1)
    logs.pack('backup', 2)
    assert [path.name for path in (tmp_path / 'logs').iterdir()] == ['backup-1.log']


def test_a_log_that_was_being_packed_at_a_crash_is_told_once(logs: RunLogs, tmp_path: Path) -> None:
    logs.append('backup', 1, ['x' * 99_999])
    plain = (tmp_path / 'logs' / 'backup-1.log').read_bytes()
    logs.pack('backup', 1)
    (tmp_path / 'logs' / 'backup-1.log').write_bytes(plain)
    assert logs.tail('backup', 1) == ['x' * 99_999]
    logs.delete('backup', 1)
    assert not logs.exists('backup', 1)


def test_it_says_so_when_a_packed_log_is_damaged(logs: RunLogs, tmp_path: Path) -> None:
    (tmp_path / 'logs').mkdir()
    (tmp_path / 'logs' / 'backup-1.log.zst').write_bytes(b'nothing of that kind')
    with pytest.raises(StoreError, match='damaged'):
        logs.tail('backup', 1)

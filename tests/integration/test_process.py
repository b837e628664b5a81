"""Real children, well-behaved and hostile. Nothing here may outlive its test, nor take long."""

import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from plumbus.cancellation import Cancellation
from plumbus.errors import TransferFailed
from plumbus.transfer import supervision
from plumbus.transfer.process import Outcome, run
from plumbus.transfer.processes import moved_mebibytes

PYTHON = sys.executable
LIMIT_S = 60
# Says the next word when the last one was read (pipe(7), FIONREAD).
WORD_BY_WORD = """
import fcntl, sys, termios
for word in range(int(sys.argv[1])):
    print(word, flush=True)
    while any(fcntl.ioctl(1, termios.FIONREAD, bytes(4))):
        pass
"""


class Lines:
    """Collects what a child says."""

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self.errors: list[bytes] = []
        self.threads: set[int] = set()

    def on_output(self, lines: list[bytes]) -> None:
        self.output += lines
        self.threads.add(threading.get_ident())

    def on_error(self, lines: list[bytes]) -> None:
        self.errors += lines
        self.threads.add(threading.get_ident())


@pytest.fixture
def lines() -> Lines:
    return Lines()


def shell(script: str, lines: Lines | None = None, **options: object) -> Outcome:
    readers = {'on_output': lines.on_output, 'on_error': lines.on_error} if lines else {}
    given = {'cancellation': Cancellation(), 'idle_timeout_s': 60.0, **readers, **options}
    return run(['sh', '-c', script], **given)  # type: ignore[arg-type]


def python(script: str, lines: Lines | None = None, *arguments: str, **options: object) -> Outcome:
    readers = {'on_output': lines.on_output, 'on_error': lines.on_error} if lines else {}
    given = {'cancellation': Cancellation(), 'idle_timeout_s': 60.0, **readers, **options}
    return run([PYTHON, '-c', script, *arguments], **given)  # type: ignore[arg-type]


def cancelled_when(said: bytes) -> tuple[Cancellation, Lines]:
    """A cancellation that comes as soon as the child says something certain."""
    cancellation, lines = Cancellation(), Lines()
    plain = lines.on_output

    def on_output(batch: list[bytes]) -> None:
        plain(batch)
        if said in batch:
            cancellation.cancel('cancelled')

    lines.on_output = on_output  # type: ignore[method-assign]
    return cancellation, lines


def is_gone(pid: int) -> bool:
    """Whether a process ended: not there, or a zombie that its new parent has not fetched yet."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] in {'Z', 'X'}
    except OSError:
        return True


def eventually_gone(pid: int) -> bool:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if is_gone(pid):
            return True
        time.sleep(0.01)
    return False


def time_by_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[bytes]], None]:
    """Let time pass for the supervision only while lines are taken: an hour each time."""
    passed = 0.0

    def take(_: list[bytes]) -> None:
        nonlocal passed
        passed += 3600

    monkeypatch.setattr(supervision, 'time', SimpleNamespace(monotonic=lambda: passed, sleep=time.sleep))
    return take


def own_children() -> list[str]:
    return Path(f'/proc/self/task/{threading.get_native_id()}/children').read_text().split()


def test_it_returns_exit_code_and_lines(lines: Lines) -> None:
    outcome = shell('echo one; echo two; echo wrong >&2; exit 3', lines)

    assert (outcome.exit_code, outcome.cancelled, outcome.timed_out) == (3, False, '')
    assert lines.output == [b'one', b'two']
    assert lines.errors == outcome.error_lines == [b'wrong']
    assert lines.threads == {threading.get_ident()}


def test_it_gives_the_child_the_environment_it_was_told_and_no_other(lines: Lines) -> None:
    shell('env', lines, env={'LC_ALL': 'C.UTF-8', 'PATH': os.environ['PATH']})

    assert {line.partition(b'=')[0] for line in lines.output} <= {b'LC_ALL', b'PATH', b'PWD', b'SHLVL', b'_'}


def test_it_gives_no_stdin_unless_fed(lines: Lines) -> None:
    assert shell('cat; echo end', lines).exit_code == 0
    assert lines.output == [b'end']


def test_it_takes_bytes_that_are_no_text_in_arguments_and_lines(lines: Lines) -> None:
    outcome = run(
        ['printf', '%s\n', b'inv\xff\xfealid'],
        cancellation=Cancellation(),
        idle_timeout_s=60,
        on_output=lines.on_output,
    )

    assert outcome.exit_code == 0
    assert lines.output == [b'inv\xff\xfealid']


def test_it_cuts_lines_at_newlines_and_returns_wherever_chunks_end(lines: Lines) -> None:
    python(
        'import os, time\n'
        r'for chunk in [b"a\nb", b"c\r", b"d\r\r", b"e\r\n\n", b"f\xe2\x82", b"\xac\ng"]:'
        '\n    os.write(1, chunk); time.sleep(0.03)',
        lines,
    )

    assert lines.output == [b'a', b'bc', b'd', b'e', b'f\xe2\x82\xac', b'g']


def test_it_shows_a_progress_line_before_the_next_one_ends_it() -> None:
    cancellation, lines = cancelled_when(b'  50%')

    outcome = shell(
        r"printf '\r  10%%'; sleep 0.3; printf '\r  50%%'; exec sleep 60", lines, cancellation=cancellation
    )

    assert outcome.cancelled
    assert lines.output == [b'  10%', b'  50%']


def test_it_never_shows_half_of_a_line_that_a_newline_will_end(lines: Lines) -> None:
    shell("printf 'first ha'; sleep 0.4; printf 'lf\\n'", lines)

    assert lines.output == [b'first half']


def test_it_feeds_stdin_while_it_reads(lines: Lines) -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(200):
            yield b'%d\n' % number * 5000

    outcome = run(
        ['cat'], cancellation=Cancellation(), idle_timeout_s=60, feed=chunks(), on_output=lines.on_output
    )

    assert outcome.exit_code == 0
    assert len(lines.output) == 200 * 5000
    assert lines.output[-1] == b'199'


def test_it_goes_on_when_the_child_does_not_want_to_be_fed(lines: Lines) -> None:
    outcome = shell('exec <&-; sleep 0.1; echo fine', lines, feed=(b'x' * 65536 for _ in range(100)))

    assert outcome.exit_code == 0
    assert lines.output == [b'fine']


@pytest.mark.parametrize('stream', ['1', '2'])
def test_it_holds_little_of_endless_output_without_a_newline(stream: str, lines: Lines) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    outcome = shell(f'head -c 300000000 /dev/zero >&{stream}; printf "\\nend\\n" >&{stream}', lines)

    assert outcome.exit_code == 0
    said = lines.output if stream == '1' else lines.errors
    assert [len(line) for line in said] == [65536, 3]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_it_keeps_the_first_and_the_last_lines_of_a_flood_of_errors() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    outcome = shell('seq 2000000 >&2')

    assert outcome.error_lines == [b'%d' % n for n in (*range(1, 101), *range(1_999_901, 2_000_001))]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_it_cancels_politely() -> None:
    cancellation, lines = cancelled_when(b'ready')

    outcome = shell(
        'trap "echo bye; exit 20" TERM; echo ready; while :; do sleep 0.05; done',
        lines,
        cancellation=cancellation,
    )

    assert (outcome.exit_code, outcome.cancelled) == (20, True)
    assert lines.output == [b'ready', b'bye']


def test_it_cancels_from_another_thread_while_the_child_is_silent() -> None:
    cancellation = Cancellation()
    timer = threading.Timer(0.2, cancellation.cancel, ['cancelled'])
    timer.start()

    outcome = shell('exec sleep 600', cancellation=cancellation)

    timer.join()
    assert (outcome.exit_code, outcome.cancelled) == (-15, True)


def test_it_starts_nothing_when_cancelled_before(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel('cancelled')

    outcome = shell(f'touch {tmp_path}/started', cancellation=cancellation)

    assert outcome.cancelled
    assert not (tmp_path / 'started').exists()


def test_it_kills_who_ignores_the_request_with_all_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('plumbus.transfer.supervision.GRACE_S', 0.3)
    cancellation, lines = cancelled_when(b'ready')

    outcome = shell(
        'trap "" TERM; sh -c "trap \\"\\" TERM; echo \\$\\$; sleep 61 & echo \\$!; echo ready; wait" & wait',
        lines,
        cancellation=cancellation,
    )

    assert (outcome.exit_code, outcome.cancelled) == (-9, True)
    pids = [int(line) for line in lines.output if line.isdigit()]
    assert len(pids) == 2
    assert all(eventually_gone(pid) for pid in pids)


def test_it_stops_a_child_that_floods_without_end() -> None:
    outcome = shell('exec yes', time_limit_s=0.4)

    assert (outcome.timed_out, outcome.exit_code) == ('limit', -15)


def test_it_ends_a_silent_child() -> None:
    started = time.monotonic()

    outcome = shell('echo once; exec sleep 600', idle_timeout_s=0.3)

    assert (outcome.timed_out, outcome.cancelled, outcome.exit_code) == ('idle', False, -15)
    assert time.monotonic() - started >= 0.3


def test_it_takes_a_byte_on_either_pipe_as_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = time_by_lines(monkeypatch)

    outcome = shell(
        'for i in 1 2 3; do echo . >&2; sleep 0.1; echo .; sleep 0.1; done; echo end',
        on_output=hours, on_error=hours, idle_timeout_s=60,
    )  # fmt: skip

    assert (outcome.timed_out, outcome.exit_code) == ('', 0)


def test_it_waits_for_a_silent_child_that_is_active_elsewhere() -> None:
    started = time.monotonic()

    outcome = shell('sleep 1', idle_timeout_s=0.4, activity=lambda _: time.monotonic() // 0.1)
    assert (outcome.timed_out, outcome.exit_code) == ('', 0)

    outcome = shell(
        'exec sleep 60', idle_timeout_s=0.4, activity=lambda _: min(time.monotonic() - started, 1.5)
    )
    assert outcome.timed_out == 'idle'


@pytest.mark.parametrize(('each', 'reason'), [('head -c 2000000 /dev/zero', ''), ('echo x', 'idle')])
def test_bytes_that_a_silent_rsync_moves_are_a_sign_of_life_but_a_few_are_none(
    tmp_path: Path, each: str, reason: str
) -> None:
    program = shutil.copy(str(shutil.which('dd')), tmp_path / 'rsync')
    feed = f'for i in $(seq 30); do {each}; sleep 0.1; done'

    outcome = shell(
        f'({feed}) | {program} of=/dev/null status=none', idle_timeout_s=1.5, activity=moved_mebibytes
    )

    assert outcome.timed_out == reason


def test_it_ends_a_child_that_closes_its_pipes_and_lives_on(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setattr('plumbus.transfer.supervision.GRACE_S', 0.3)

    outcome = shell('echo $$; exec >&- 2>&-; sleep 60', lines)

    assert (outcome.exit_code, outcome.timed_out, outcome.cancelled) == (-15, '', False)
    assert eventually_gone(int(lines.output[0]))


def test_it_waits_a_little_for_a_child_that_closes_its_pipes_before_it_ends() -> None:
    assert shell('exec >&- 2>&-; sleep 0.3; exit 7').exit_code == 7


def test_it_leaves_no_grandchild_behind(lines: Lines) -> None:
    started = time.monotonic()

    outcome = shell('sleep 600 & echo $!; (trap "" TERM; sleep 601) & echo $!; exit 4', lines)

    assert outcome.exit_code == 4
    assert all(eventually_gone(int(pid)) for pid in lines.output)
    assert time.monotonic() - started < 300, 'it did not wait for them'


def test_it_leaves_none_behind_that_let_go_of_the_pipes(lines: Lines) -> None:
    outcome = shell('sleep 60 >/dev/null 2>&1 & echo $!; exit 0', lines)

    assert outcome.exit_code == 0
    assert eventually_gone(int(lines.output[0]))


def test_it_returns_although_a_runaway_holds_the_pipes(lines: Lines) -> None:
    outcome = shell('setsid sh -c "echo \\$\\$; exec yes" & sleep 0.3; exit 5', lines)

    assert outcome.exit_code == 5
    assert eventually_gone(int(lines.output[0]))  # by a write into the closed pipe


def test_it_hands_over_everything_although_the_reader_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    hours = time_by_lines(monkeypatch)

    def slow(lines: list[bytes]) -> None:
        nonlocal counted
        counted += len(lines)
        hours(lines)

    outcome = run(['seq', '100000'], cancellation=Cancellation(), idle_timeout_s=60, on_output=slow)

    assert (outcome.exit_code, outcome.timed_out, counted) == (0, '', 100_000)


@pytest.mark.parametrize('where', ['on_output', 'on_error', 'feed', 'activity'])
def test_it_ends_the_child_when_the_caller_fails(where: str, tmp_path: Path) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError('no more')

    def failing_feed() -> Iterator[bytes]:
        yield b'one\n'
        raise RuntimeError('no more')

    options: dict[str, object] = {where: failing_feed() if where == 'feed' else fail}

    with pytest.raises(RuntimeError, match='no more'):
        shell(f'echo $$ > {tmp_path}/pid; echo out; echo err >&2; exec sleep 600', **options)

    assert eventually_gone(int((tmp_path / 'pid').read_text() or 0) if (tmp_path / 'pid').exists() else 0)


def test_it_leaves_no_zombie_and_no_open_file() -> None:
    files, children = len(os.listdir('/proc/self/fd')), own_children()

    for _ in range(20):
        shell('echo x; exit 1', feed=[b'y'])

    assert len(os.listdir('/proc/self/fd')) == files
    assert own_children() == children


def test_it_says_what_is_missing_here() -> None:
    with pytest.raises(TransferFailed, match='no-such-program is missing on the PLUMBUS server') as caught:
        run(['no-such-program'], cancellation=Cancellation(), idle_timeout_s=5)

    assert caught.value.cause == 'program_missing'


def test_it_says_that_there_are_too_many_arguments() -> None:
    with pytest.raises(TransferFailed) as caught:
        run(['true', *('x' * 100_000 for _ in range(100))], cancellation=Cancellation(), idle_timeout_s=5)

    assert caught.value.cause == 'too_many_arguments'


def test_it_hands_over_many_lines_at_a_time() -> None:
    batches = list[int]()

    run(
        ['seq', '1000000', '2000000'], cancellation=Cancellation(), idle_timeout_s=60,
        on_output=lambda lines: batches.append(len(lines)),
    )  # fmt: skip

    assert sum(batches) == 1_000_001
    assert len(batches) < 2000  # in 64 KiB each it would be 122; line by line a million


@pytest.mark.parametrize(('words', 'waited'), [(3, False), (1000, True)])
def test_only_for_a_child_with_much_to_say_does_it_wait_until_more_has_come(
    monkeypatch: pytest.MonkeyPatch, words: int, *, waited: bool
) -> None:
    pauses = list[float]()
    monkeypatch.setattr(supervision, 'time', SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    lines = Lines()
    run(
        [PYTHON, '-c', WORD_BY_WORD, str(words)], cancellation=Cancellation(), idle_timeout_s=LIMIT_S,
        on_output=lines.on_output,
    )  # fmt: skip

    assert len(lines.output) == words
    assert bool(pauses) is waited

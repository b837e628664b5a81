"""Looking at processes from outside, as the tests of supervision do."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from plumbus.transfer.processes import process, processes


def command(pid: int) -> str:
    """The command line of a process."""
    with suppress(OSError):
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace').strip()
    return ''


def running(*words: str, uid: int | None = None) -> list[int]:
    """The living processes whose command line holds all these words, of one user if that is given."""
    found = []
    for one in processes():
        with suppress(OSError):
            mine = uid is None or Path(f'/proc/{one.pid}').stat().st_uid == uid
            if mine and one.pid != os.getpid() and all(word in command(one.pid) for word in words):
                found.append(one.pid)
    return found


def lives(pid: int) -> bool:
    """Whether a process runs, or could; one that is dead and was not fetched yet does not count."""
    return process(pid) is not None


def freeze(*pids: int) -> None:
    """Stop processes where they are: they answer nothing any more, and no signal but KILL."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def end(*pids: int) -> None:
    """Kill what is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

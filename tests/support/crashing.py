"""One backup in a process of its own, that dies right before its n-th step on the disk, as by kill -9.

`python -m tests.support.crashing FOLDER JOB STEP`: the data dir and the stand-in for ssh lie in FOLDER. With a STEP that it
does not reach it prints how many there were.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support.engines import running_engine, until
from tests.support.near import near_clients

# Audit events come before what they tell of (docs.python.org, Audit events table); reading does not count.
STEPS = {
    'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.link', 'os.symlink', 'os.chmod', 'os.chown', 'os.utime', 'os.truncate',
    'os.setxattr', 'os.removexattr', 'fcntl.ioctl', 'subprocess.Popen',
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
WAIT_S = 60.0
NEVER = 10**9


class Steps:
    """Counts them, and kills the process before one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in STEPS or (event == 'open' and isinstance(arguments[2], int) and arguments[2] & WRITING):
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, job_id: int, last: int) -> None:
    """Run the job and die on the way, or tell how far it would have been possible."""
    with near_clients(folder), running_engine(folder / 'data') as engine:
        steps = Steps(last)
        sys.addaudithook(steps)
        backup = engine.backups.wait(engine.jobs.run(job_id).id, WAIT_S)
        keep = engine.jobs.get(job_id).retention.keep_last or NEVER
        until(lambda: len(list(folder.glob('data/backups/*/*/2*'))) <= keep, 'the removal of old ones')
        until(lambda: not engine.backups.snapshots.taken_away(), 'the removal of their files')
        sys.stdout.write(f'{steps.count} {backup.status}\n')
        sys.stdout.flush()
        os._exit(0)


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

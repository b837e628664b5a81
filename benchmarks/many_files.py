"""Memory and time of backups of very many files: a first run, one without changes, one with a hundredth changed.

usage: .venv/bin/python -m benchmarks.many_files [COUNT]        (default 1,000,000 files of a few bytes; takes some minutes)
"""

import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.arguments import counted
from plumbus.engine import Engine
from tests.support.engines import job_for, running_engine
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give

FILES_IN_A_FOLDER = 100
RUN_LIMIT_S = 3600
SAMPLE_S = 0.2


def make_files(folder: Path, count: int) -> None:
    """Fill a folder with small files, a hundred to a folder."""
    for number in range(count):
        below = folder / f'{number // 10_000:04}' / f'{number // FILES_IN_A_FOLDER % 100:02}'
        if number % FILES_IN_A_FOLDER == 0:
            below.mkdir(parents=True)
        (below / f'file-{number:07}.txt').write_bytes(b'%d' % number)


def resident_mb() -> float:
    """Resident memory of this process in MB (proc(5), statm)."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize() / 10**6


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Yield a list whose only entry grows to the peak of the resident memory in MB."""
    peak, ended = [resident_mb()], threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            peak[0] = max(peak[0], resident_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def measure(engine: Engine, job_id: int, what: str) -> None:
    """Run the job once and print what it took."""
    with peak_memory() as peak:
        began = time.monotonic()
        backup = engine.backups.wait(engine.jobs.run(job_id).id, RUN_LIMIT_S)
        seconds = time.monotonic() - began
    print(
        f'{what:12} {backup.status:10} {seconds:7.1f} s  peak {peak[0]:5.0f} MB  '
        f'{backup.file_count:,} files, {backup.new_files:,} new, {backup.changed_files:,} changed'
    )


def main() -> None:
    """Measure and print a line a run."""
    count = counted(__doc__, 1_000_000)
    data_dir = Path(tempfile.mkdtemp(prefix='plumbus-bench-'))
    try:
        with Sshd() as sshd, running_engine(data_dir, kind=Engine) as engine:
            source = sshd.folder / 'source'
            source.mkdir()
            make_files(source, count)
            if IS_ROOT:
                give(source, *sshd.ids)
            job = job_for(engine, sshd, source)
            print(f'idle                     peak {resident_mb():5.0f} MB')
            measure(engine, job.id, 'first run')
            measure(engine, job.id, 'no change')
            for path in sorted(source.rglob('*-*0.txt'))[::10]:
                path.write_text('changed')
            measure(engine, job.id, '1 % changed')
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


if __name__ == '__main__':
    main()

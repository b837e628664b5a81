"""A small btrfs of its own, in a file that is mounted as a disk. Needs root, mkfs.btrfs and loop devices."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GIBIBYTE = 2**30


@contextmanager
def btrfs(folder: Path, *options: str) -> Iterator[Path]:
    """Given an empty or new folder and options for mount, make a disk there that is gone after this block.

    Raise AssertionError with what mkfs or mount said where this machine cannot have one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image, place = folder / 'image', folder / 'disk'
    place.mkdir()
    with image.open('wb') as file:
        file.truncate(GIBIBYTE)
    _run('mkfs.btrfs', '--quiet', str(image))
    _run('mount', '-o', ','.join(['loop', *options]), str(image), str(place))
    try:
        yield place
    finally:
        _run('umount', '--lazy', str(place))
        image.unlink()


def used(place: Path) -> int:
    """The bytes that are in use on a disk, once all is written."""
    _run('sync', '--file-system', str(place))
    told = subprocess.run(
        ['btrfs', 'filesystem', 'usage', '--raw', str(place)], capture_output=True, text=True, check=True
    )
    return next(
        int(line.split()[-1]) for line in told.stdout.splitlines() if line.strip().startswith('Used:')
    )


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f'{argv[0]}: {done.stderr.strip() or done.stdout.strip()}'

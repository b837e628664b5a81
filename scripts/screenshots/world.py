"""A world of its own for the sample: a root that forgets what is written to it, a network in which every address of 192.168.0.0/16
is this machine, and a disk for /data. It ends with the process, and the machine outside sees nothing of it. Needs root."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
INSIDE = 'PLUMBUS_SAMPLE_WORLD'
NAMESPACES = ('--mount', '--net', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'private')
DISK_BYTES = 8 * 10**9
NETWORK = '192.168.0.0/16'


def enter() -> None:
    """Return inside a new world; outside end with its exit code."""
    if INSIDE in os.environ:
        _furnish(Path(os.environ.pop(INSIDE)))
        return
    if os.getuid() or sys.platform != 'linux':
        sys.exit('The sample network and its disk need root on Linux: sudo make screenshots')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the world too
    with TemporaryDirectory(prefix='plumbus-world-') as folder:
        again = [sys.executable, '-m', 'scripts.screenshots', *sys.argv[1:]]
        done = subprocess.run(
            ['unshare', *NAMESPACES, *again], cwd=ROOT, env={**os.environ, INSIDE: folder}, check=False
        )
    sys.exit(done.returncode)


def _furnish(folder: Path) -> None:
    system, disk = folder / 'system', folder / 'disk'
    # Each in a tmpfs of its own: worlds with the disk mounted below the image of itself stayed in memory after their end.
    for path in (system, disk):
        path.mkdir()
        run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'sample', path)
    root, upper, work = (system / name for name in ('root', 'upper', 'work'))
    for path in (root, upper, work):
        path.mkdir()
    run('mount', '-t', 'overlay', 'sample', '-o', f'lowerdir=/,upperdir={upper},workdir={work}', root)
    run('mount', '-t', 'proc', 'proc', root / 'proc')
    for path in ('/sys', '/dev', '/tmp', str(ROOT), sys.prefix):
        run('mount', '--rbind', path, f'{root}{path}')
    run('ip', 'link', 'set', 'lo', 'up')
    run('ip', 'route', 'add', 'local', NETWORK, 'dev', 'lo')
    _give_disk(disk / 'image', root / 'data')
    os.chroot(root)
    os.chdir(ROOT)


def _give_disk(image: Path, place: Path) -> None:
    with image.open('wb') as file:
        file.truncate(DISK_BYTES)
    run('mkfs.ext4', '-q', '-F', '-m', '0', image)
    place.mkdir(exist_ok=True)
    run('mount', '-o', 'loop', image, place)
    (place / 'lost+found').rmdir()


def run(*argv: str | Path) -> None:
    """Given a command line, run it. Raise subprocess.CalledProcessError if it fails."""
    arguments: Sequence[str] = [str(word) for word in argv]
    subprocess.run(arguments, check=True, timeout=60)

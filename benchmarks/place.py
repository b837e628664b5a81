"""Where the benchmark takes place: a private sshd, the files of the client, and a store, each on an ext4 of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import Account
from tests.support.sshd import IS_ROOT, Sshd

IMAGE_BYTES = 40 * 2**30  # sparse: it takes what is written
LIMIT_S = 1800.0
ALIAS = 'client'
SSH_CONFIG = """\
Host {alias} localhost 127.0.0.1
  HostName {host}
  Port {port}
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {known}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """`store` is the file system of the backup server, `source` and `arrivals` are folders of the client."""

    sshd: Sshd
    folder: Path
    store: Path
    file_system: str
    ssh_config: Path
    account: Account
    synced: bool = True

    @property
    def source(self) -> Path:
        """What is backed up; the folders above it stay as they are."""
        return self.folder / 'client' / 'source'

    @property
    def arrivals(self) -> Path:
        """Where restored files arrive; belongs to the login of the client."""
        return self.folder / 'client' / 'arrivals'

    @property
    def ssh(self) -> str:
        """The command that logs in to `ALIAS`, as rsync and others want it."""
        return f'ssh -F {self.ssh_config}'

    @property
    def sshd_pid(self) -> int:
        """The process below which all that runs on the client is."""
        return self.sshd.pid

    def settle(self) -> None:
        """Write out what is in memory, so that no one's writes are another's time."""
        for path in (self.store, self.folder / 'client') if self.synced else ():
            run(['sync', '-f', str(path)])

    def emptied_arrivals(self) -> Path:
        """Return the folder for restored files, empty."""
        run(['rm', '-rf', '--', str(self.arrivals)])
        self.arrivals.mkdir()
        if IS_ROOT:
            shutil.chown(self.arrivals, *self.sshd.ids)
        return self.arrivals


@contextmanager
def made_place(*, loop: bool = True) -> Iterator[Place]:
    """Set all of it up, and take it down. Without root the store is a plain folder; without `loop` too, and nothing is
    synced: times mean nothing then."""
    folder = Path(tempfile.mkdtemp(prefix='plumbus-bench-', dir='/var/tmp'))  # /tmp may be memory
    folder.chmod(0o755)
    store, client = folder / 'store', folder / 'client'
    account = Account()
    # An ext4 without a journal takes several times longer to make files after many were deleted, as they are between rounds.
    with ExitStack() as disks:
        disks.callback(shutil.rmtree, folder, ignore_errors=True)
        mounted = [disks.enter_context(_disk(place, wanted=loop and IS_ROOT)) for place in (store, client)]
        with account.opened(), Sshd() as sshd:
            (client / 'source').mkdir()
            yield Place(
                sshd=sshd, folder=folder, store=store, ssh_config=_configured(folder, sshd), account=account, synced=loop,
                file_system='ext4 with a journal, loop-mounted' if all(mounted) else 'a plain folder of this machine',
            )  # fmt: skip


def run(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None, accept: tuple[int, ...] = (0,)) -> str:  # fmt: skip
    """Run a command to its end and return what it printed. Raise RuntimeError with what it said if it fails."""
    with subprocess.Popen(
        argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        errors='replace', start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, said = process.communicate(timeout=LIMIT_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode not in accept:
        raise RuntimeError(f'{" ".join(argv[:6])}: exit code {process.returncode}\n{(out + said)[-2000:]}')
    return out


@contextmanager
def _disk(place: Path, *, wanted: bool) -> Iterator[bool]:
    """Make a folder, and mount a disk of its own there if wanted. Yield whether that could be done."""
    place.mkdir()
    mounted = wanted and _mounted(place.with_suffix('.img'), place)
    try:
        yield mounted
    finally:
        if mounted:
            run(['umount', '--lazy', str(place)])


def _mounted(image: Path, folder: Path) -> bool:
    with image.open('wb') as file:
        file.truncate(IMAGE_BYTES)
    try:
        run(['mkfs.ext4', '-q', '-F', '-m', '0', str(image)])
        run(['mount', '-o', 'loop', str(image), str(folder)])
    except (RuntimeError, OSError):
        image.unlink()
        return False
    return True


def _configured(folder: Path, sshd: Sshd) -> Path:
    """Make a key, let it in, and write what ssh has to know."""
    key, known, config = folder / 'key', folder / 'known_hosts', folder / 'ssh_config'
    run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'benchmark', '-f', str(key)])
    sshd.authorize(key.with_suffix('.pub').read_text().strip())
    known.write_text(''.join(f'[{sshd.host}]:{sshd.port} {line}\n' for line in sshd.host_key_lines))
    fields = {'host': sshd.host, 'port': sshd.port, 'user': sshd.user}
    config.write_text(SSH_CONFIG.format(alias=ALIAS, key=key, known=known, **fields))
    return config

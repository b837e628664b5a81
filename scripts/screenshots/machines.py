"""The machines of the sample as they run: each with an sshd at its address, a name and folders of its own, files that change."""

import os
import pwd
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from scripts.screenshots.household import USERS, Files, Machine
from scripts.screenshots.texts import TEXTS
from scripts.screenshots.world import run

FOLDER = Path('/run/machines')
KEYS = FOLDER / 'authorized_keys'
SYSTEM = ('bin', 'sbin', 'lib', 'lib64', 'usr', 'etc', 'dev', 'proc')
EMPTY = ('boot', 'media', 'mnt', 'opt', 'root', 'run/sshd', 'tmp', 'var/log', 'var/lib')
POOL = random.Random(7).randbytes(8 * 2**20)
LIMIT_S = 20
CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {keys}
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
MaxStartups 100
Subsystem sftp internal-sftp
"""


def make_users() -> None:
    """Make the logins of all machines, and let PLUMBUS's key open them once it is known (`KEYS`)."""
    FOLDER.mkdir()
    for name in USERS:
        run('useradd', '--no-create-home', '--password', '*', '--shell', '/bin/bash', name)


class Running:
    """A machine that is switched on."""

    def __init__(self, machine: Machine, photos: list[bytes]) -> None:
        self.machine = machine
        self.folder = FOLDER / machine.name
        self._photos = photos
        self._chance = random.Random(machine.name)
        self._sshd: subprocess.Popen[bytes] | None = None
        for path in ('srv', f'home/{machine.user}', 'root'):
            (self.folder / path).mkdir(parents=True)
        run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.folder / 'host_key')

    def there(self, path: str) -> Path:
        """Given a path of the machine, return where it lies out here."""
        return self.folder / path.lstrip('/')

    def start(self, port: int = 22) -> None:
        """Switch it on and return once its sshd listens."""
        config = CONFIG.format(port=port, address=self.machine.address, folder=self.folder, keys=KEYS)
        (self.folder / 'sshd_config').write_text(config)
        script = ' && '.join(self._boot())
        self._sshd = subprocess.Popen(
            ['unshare', '--mount', '--uts', '--propagation', 'private', 'sh', '-c', script],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        await_port(self.machine.address, port)

    def stop(self) -> None:
        """Switch it off."""
        if self._sshd:
            self._sshd.terminate()
            self._sshd.wait(LIMIT_S)

    def furnish(self, now: datetime) -> None:
        """Put there what is there from the first day on."""
        for files in self.machine.files:
            if '{day}' not in files.path:
                self._write(files, now, aged=True)
        self._write_texts(0, now)
        for path in sorted(self.folder.rglob('*'), reverse=True):
            if path.is_dir():
                os.utime(path, (now.timestamp(),) * 2)
        self._own()

    def work(self, now: datetime) -> None:
        """Change what changes all day long: the databases."""
        for files in self.machine.files:
            if files.every == 1 and files.path.endswith('.db'):
                self._write(files, now)
        self._own()

    def live_on(self, day: int, now: datetime) -> None:
        """Given the number of a day, change what changes on it."""
        for files in self.machine.files:
            if files.every and day % files.every == 0:
                self._write(files, now)
        self._write_texts(day, now)
        self._own()

    def put(self, path: str, content: bytes | str, now: datetime) -> Path:
        """Write a file of the machine's login."""
        place = self.there(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        for touched in (place, place.parent):
            os.utime(touched, (now.timestamp(),) * 2)
        return place

    def _boot(self) -> Iterator[str]:
        root = self.folder / 'root'
        yield f'hostname {self.machine.name}'
        yield f'mount -t tmpfs -o mode=755 sample {root}'
        for name in SYSTEM:
            outside = Path('/', name)
            if outside.is_symlink():
                yield f'ln -s {os.readlink(outside)} {root}/{name}'
            elif outside.is_dir():
                yield f'mkdir {root}/{name} && mount --rbind /{name} {root}/{name}'
        yield f'mkdir -p {" ".join(f"{root}/{name}" for name in (*EMPTY, "srv", "home"))}'
        yield f'chmod 1777 {root}/tmp && mkdir -p {root}{FOLDER} && mount --bind {FOLDER} {root}{FOLDER}'
        for inner in ('/srv', '/home', *self._of_etc()):
            yield f'mkdir -p {root}{inner} && mount --bind {self.there(inner)} {root}{inner}'
        yield f'exec chroot {root} /usr/sbin/sshd -D -e -f {self.folder}/sshd_config'

    def _of_etc(self) -> list[str]:
        tops = {'/'.join(files.path.split('/')[:3]) for files in self.machine.files}
        return sorted(top for top in tops if top.startswith('/etc/'))

    def _write(self, files: Files, now: datetime, *, aged: bool = False) -> None:
        for number in range(files.count):
            shown = 2041 + 3 * number if files.path.endswith('.jpg') else number + 1
            path = files.path.replace('{number}', str(shown)).replace('{day}', f'{now:%Y-%m-%d}')
            if '{day}' in files.path and '{number}' not in files.path and number:
                path = f' {number + 1}'.join(os.path.splitext(path))
            place = self.put(path, self._content(path, files.kib), now)
            if aged:
                past = now.timestamp() - self._chance.uniform(3, 400) * 86_400
                os.utime(place, (past, past))

    def _content(self, path: str, kib: float) -> bytes:
        size = int(kib * 1024 * self._chance.uniform(0.8, 1.2))
        begin = self._chance.choice(self._photos) if path.endswith('.jpg') and self._photos else b''
        filled = bytearray(begin)
        while len(filled) < size:
            start = self._chance.randrange(len(POOL) // 2)
            filled += POOL[start : start + size - len(filled)]
        return bytes(filled)

    def _write_texts(self, day: int, now: datetime) -> None:
        for path, versions in TEXTS.get(self.machine.name, {}).items():
            newest = max(begin for begin in versions if begin <= day)
            if newest == day:
                text = versions[day]
                if text:
                    self.put(path, text, now).chmod(0o755 if text.startswith('#!') else 0o644)
                else:
                    self.there(path).unlink()

    def _own(self) -> None:
        entry = pwd.getpwnam(self.machine.user)
        for top in ('srv', 'home', 'etc'):
            for folder, _, names in os.walk(self.folder / top):
                for name in (folder, *(os.path.join(folder, name) for name in names)):
                    if os.lstat(name).st_uid == 0 and not name.endswith('.key'):
                        shutil.chown(name, entry.pw_uid, entry.pw_gid)


def await_port(address: str, port: int) -> None:
    """Return once somebody listens there. Raise TimeoutError if that takes too long."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((address, port), timeout=2):
            return
        time.sleep(0.05)
    raise TimeoutError(f'Nobody listens at {address}, port {port}.')

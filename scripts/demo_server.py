"""For the demo: PLUMBUS as a child with a data folder of its own, its REST API, and trees compared by hand."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / '.demo'
START_LIMIT_S = 60
STOP_LIMIT_S = 60


class Mismatch(Exception):
    """What was found is not what must be there."""


class Server:
    """PLUMBUS, started by `start`, with an empty data folder, a random password and a random token.

    `data` is its data folder as it is seen from here.
    """

    def __init__(self) -> None:
        self.data = FOLDER / 'data'
        self.log = FOLDER / 'plumbus.log'
        self.password = secrets.token_urlsafe(12)
        self.token = secrets.token_urlsafe(24)
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self._http = httpx.Client(
            base_url=self.url, headers={'Authorization': f'Bearer {self.token}'}, timeout=150, trust_env=False
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> float:
        """Start it and return after how many seconds it was ready. Raise Mismatch if it does not become so."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(('PLUMBUS_', 'NICEGUI_'))
        }
        inherited.pop('DATA_DIR', None)
        settings = {
            'PLUMBUS_HOST': '127.0.0.1',
            'PLUMBUS_PORT': str(self.port),
            'PLUMBUS_ADMIN_PASSWORD': self.password,
            'PLUMBUS_API_TOKEN': self.token,
        }
        begin = time.monotonic()
        with self.log.open('wb') as log:
            self._process = subprocess.Popen(
                self.command(settings), cwd=ROOT, env=inherited | settings,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while time.monotonic() < begin + START_LIMIT_S and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if self._http.get('/api/health').status_code == 200:
                    return time.monotonic() - begin
            time.sleep(0.05)
        raise Mismatch(f'PLUMBUS does not answer; its output is in {self.log}')

    def command(self, _settings: Mapping[str, str]) -> list[str]:
        """Given the settings, which are in its environment too, return how it is started."""
        return [sys.executable, 'main.py', '--data-dir', str(self.data)]

    def stop(self) -> float:
        """End it and all that it started, and return how many seconds that took."""
        self._http.close()
        process, self._process = self._process, None
        begin = time.monotonic()
        if process:
            self.end(process)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(STOP_LIMIT_S)
        return time.monotonic() - begin

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Given what was started, ask it to end."""
        process.terminate()

    def wait(self) -> None:
        """Return when it has ended."""
        if self._process:
            self._process.wait()

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Return what the API answers. Raise Mismatch with its sentence if that is an error."""
        answer = self._http.request(method, path, **arguments)
        if answer.is_error:
            raise Mismatch(f'{method} {path} answered {answer.status_code}: {answer.text[:500]}')
        return answer.json()

    def log_in(self, password: str) -> tuple[int, str]:
        """Given a password, log in as a browser does and return status and address of the page one lands on."""
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, follow_redirects=True) as browser:
            answer = browser.post('/login', data={'username': 'admin', 'password': password})
            return answer.status_code, answer.url.path

    def status_without_token(self, path: str) -> int:
        """Return the status that a stranger gets."""
        return httpx.get(self.url + path, timeout=30, trust_env=False).status_code


def free_port(first: int = 5000) -> int:
    """Return the first port from `first` on that nobody listens on."""
    for port in range(first, first + 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(('127.0.0.1', port))
            return port
    raise Mismatch(f'No free port from {first} to {first + 99}.')


@contextlib.contextmanager
def own_folder() -> Iterator[None]:
    """While in this block .demo/ is ours, and empty at its beginning. Raise Mismatch if another demo has it."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / 'lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Mismatch('A demo is running already; end it with Ctrl+C first.') from None
        for folder, _folders, _files in os.walk(FOLDER):
            os.chmod(folder, 0o700)  # snapshots hold folders that their owner may not write
        shutil.rmtree(FOLDER / 'data', ignore_errors=True)
        yield


def compared(source: Path, copy: Path) -> list[str]:
    """Given a tree and its copy, return where rsync sees a difference, in bytes, times, modes, owners or attributes."""
    done = subprocess.run(
        ['rsync', '-aHAXnc', '--delete', '--itemize-changes', f'{source}/', f'{copy}/'],
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    output = (done.stdout + done.stderr).decode(errors='replace').splitlines()
    return output if output or not done.returncode else [f'rsync ended with {done.returncode}']


def regular_files(tree: Path) -> dict[str, os.stat_result]:
    """Return path below the tree and status of every regular file in it."""
    return {name: status for name, status in _everything(tree) if stat.S_ISREG(status.st_mode)}


def fingerprint(tree: Path) -> str:
    """Return one sum over names, inodes, modes, owners, times and bytes of a tree: the same if nothing was touched."""
    total = hashlib.sha256()
    for name, status in _everything(tree):
        facts = (
            status.st_ino,
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_size,
            status.st_mtime_ns,
        )
        total.update(os.fsencode(name) + repr(facts).encode())
        if stat.S_ISREG(status.st_mode):
            total.update((tree / name).read_bytes())
    return total.hexdigest()


def _everything(tree: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, tree), os.lstat(path)

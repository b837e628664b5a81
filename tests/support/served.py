"""`python main.py` as a process of its own, as its users start it."""

import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from plumbus.transfer.children import Children

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0  # tells never from late; what passes waits no longer for it
TOKEN = 'the-token-of-the-tests'


class Served:
    """PLUMBUS as its users start it, on a free port."""

    def __init__(
        self, folder: Path, *arguments: str, verify: ssl.SSLContext | bool = True, **settings: str
    ) -> None:
        self.data = folder / 'data'
        self.output = folder / 'output.txt'
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('PLUMBUS_', 'NICEGUI_', 'PYTEST_'))
        }
        self._environment = kept | {
            'PLUMBUS_API_TOKEN': TOKEN,
            'PLUMBUS_DATA_DIR': str(self.data),
            **settings,
        }
        self._command = [sys.executable, str(ROOT / 'main.py'), '--port', '0', *arguments]
        self._folder = folder
        self._verify = verify
        self.seconds = 0.0

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self.output.open('wb') as output:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.url = wait_for(self._address)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=LIMIT_S, verify=self._verify)
        wait_for(self._healthy)
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT_S)
        children = Children(self.data / 'run')
        children.end(children.all(), grace_s=0)

    def refused(self) -> subprocess.CompletedProcess[str]:
        """Start it where it must not start, and return what it says."""
        self._folder.mkdir(exist_ok=True)
        return subprocess.run(
            self._command, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip

    @property
    def api(self) -> httpx.Client:
        """A client with the token."""
        return httpx.Client(
            base_url=self.url, trust_env=False, timeout=LIMIT_S, headers={'Authorization': f'Bearer {TOKEN}'}
        )

    @property
    def text(self) -> str:
        """What it has written to the terminal."""
        return self.output.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

    def kill(self) -> None:
        """End it as a lack of memory would."""
        self.process.kill()
        self.process.wait(LIMIT_S)

    def memory(self) -> int:
        """Resident memory in bytes."""
        status = Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.findall(r'VmRSS:\s+(\d+) kB', status)[0]) * 1024

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.text
        found = re.search(r'serves (https?://[^\s"]+)', self.text)
        return found.group(1) if found else None

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.text
        with contextlib.suppress(httpx.TransportError):
            return self.http.get('/api/health').status_code == 200
        return False


def wait_for(condition: Any) -> Any:
    """Return what the condition returns as soon as that is true."""
    deadline = time.monotonic() + LIMIT_S
    while not (result := condition()):
        assert time.monotonic() < deadline, 'It took too long.'
        time.sleep(0.02)
    return result

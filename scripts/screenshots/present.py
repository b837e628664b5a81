"""The last minutes of the sample, over the API of a running server: notifications, two backups under way and two that wait."""

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from scripts.screenshots.machines import await_port
from scripts.screenshots.past import Past
from scripts.screenshots.world import run

NTFY = '192.168.10.20'
BEHIND = 2222
CHUNK = 32 * 1024
FILM_BYTES, DISK_IMAGE_BYTES = 2_600_000_000, 1_400_000_000
LIMIT_S = 60.0


class Ntfy(BaseHTTPRequestHandler):
    """Takes every message, as a server of ntfy does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(b'{"id": "sample"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def take_messages() -> None:
    """Let the household's server of ntfy listen."""
    server = ThreadingHTTPServer((NTFY, 80), Ntfy)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def slow_down(past: Past, machine: str, mib_per_s: float) -> None:
    """Put a machine behind a link that is as slow as given, now more, now less, as Wi-Fi is."""
    running = past.machines[machine]
    running.stop()
    running.start(BEHIND)
    address = running.machine.address
    listener = socket.create_server((address, 22))

    def serve() -> None:
        while True:
            near = listener.accept()[0]
            far = socket.create_connection((address, BEHIND))
            start(pump, near, far, lambda: math.inf)
            start(pump, far, near, lambda: speed(mib_per_s * 2**20))

    start(serve)
    await_port(address, 22)


def start(work: Callable[..., None], *given: Any) -> None:
    """Do work in a thread that ends with the process."""
    threading.Thread(target=work, args=given, daemon=True).start()


def speed(middle: float) -> float:
    """Given bytes per second in the middle, return those of this moment."""
    now = time.monotonic()
    return middle * (1 + 0.35 * math.sin(now / 5) + 0.2 * math.sin(now / 1.7) + 0.15 * math.sin(now * 2.1))


def pump(source: socket.socket, target: socket.socket, rate: Callable[[], float]) -> None:
    """Pass on what comes, no faster than `rate` bytes per second, until one of both closes."""
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
            time.sleep(len(chunk) / rate())
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class Present:
    """Given a server's API and the past it goes on from."""

    def __init__(self, api: httpx.Client, past: Past) -> None:
        self._api, self._past = api, past
        self.running = self.mail = 0

    def begin(self) -> None:
        """Let everything happen that pictures show as going on."""
        self._notify()
        nas, tom = 'nas', 'tom-workstation'
        for machine, path, size in (
            (nas, '/srv/videos/2026 Iceland, uncut.mov', FILM_BYTES),
            (tom, '/srv/vm/debian-13.qcow2', DISK_IMAGE_BYTES),
        ):
            os.truncate(self._past.machines[machine].put(path, '', datetime.now(UTC)), size)
        run('chown', '-R', 'admin:', self._past.machines[nas].there('/srv/videos'))
        run('chown', '-R', 'tom:', self._past.machines[tom].there('/srv/vm'))
        house = self._past.machines['homeassistant'].there('/home/pi/homeassistant')
        (house / 'automations.yaml').write_text('[]\n')  # somebody pressed the wrong button
        (house / 'configuration.yaml').unlink()
        slow_down(self._past, nas, 4)
        slow_down(self._past, tom, 2)
        self.running = self._run(nas, 'Videos')
        self._run(tom, 'Virtual machines')
        self._run(nas, 'Documents')

    @property
    def restore(self) -> int:
        """The newest restore that was no preview."""
        return int(next(one['id'] for one in self.get('restores') if not one['dry_run']))

    def job(self, machine: str, job: str) -> int:
        """Given the names of a machine and a job of it, return the job's number."""
        return self._past.jobs[machine, job]

    def client(self, machine: str) -> int:
        """Given the name of a machine, return its number."""
        return int(next(one['id'] for one in self.get('clients') if one['name'] == machine))

    def newest(self, machine: str, job: str, status: str = '') -> int:
        """Return the newest backup of a job that ended in this way, or has a snapshot."""
        history = self.get(f'jobs/{self.job(machine, job)}/history')
        return int(next(b['id'] for b in history if (b['status'] == status if status else b['backup_path'])))

    def older(self, machine: str, job: str, days: float) -> int:
        """Return the newest backup of a job with a snapshot that is at least so many days old."""
        history = self.get(f'jobs/{self.job(machine, job)}/history')
        limit = datetime.now(UTC).timestamp() - days * 86_400
        return int(
            next(
                b['id']
                for b in history
                if b['backup_path'] and datetime.fromisoformat(b['start_time']).timestamp() < limit
            )
        )

    def get(self, path: str) -> Any:
        """Return what the API answers. Raise httpx.HTTPStatusError if it refuses."""
        return self._api.get(f'/api/{path}').raise_for_status().json()

    def _post(self, path: str, **fields: Any) -> Any:
        return self._api.post(f'/api/{path}', json=fields, timeout=LIMIT_S).raise_for_status().json()

    def _run(self, machine: str, job: str) -> int:
        return int(self._post(f'jobs/{self.job(machine, job)}/run')['backup_id'])

    def _notify(self) -> None:
        self._post('notifications', name='Phones of the family', url=f'ntfy://{NTFY}/plumbus')
        wanted = ['failed', 'overdue', 'weekly_report']
        url = 'mailto://192.168.10.13/?from=plumbus@example.org&to=tom@example.org'
        self.mail = int(self._post('notifications', name='Mail to Tom', url=url, kinds=wanted)['id'])
        self._post(f'notifications/{self.mail - 1}/test')

"""The real engine, but for what reaches out to machines: its backups and restores do what a test tells them."""

import threading
from datetime import datetime
from typing import Any

from plumbus.backup.reporting import Reporter
from plumbus.engine import Engine
from plumbus.errors import PlumbusError
from plumbus.model import Status
from plumbus.scheduling.queue import Ticket

TIMEOUT_S = 60.0
OWN_LISTENERS = 3  # of the engine itself: the search index, who may begin, and notifications


class ScriptedEngine(Engine):
    """A run says two lines, tells its progress, then waits for `release` (set at first) or to be cancelled."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.release = threading.Event()
        self.release.set()
        self.halfway = threading.Event()
        self.ending: dict[str, Any] = {'status': Status.COMPLETED, 'file_count': 3, 'size_bytes': 1000}
        self.error: PlumbusError | None = None

    def _perform(self, ticket: Ticket) -> None:
        if ticket.kind == 'verify':  # reaches out to no machine
            super()._perform(ticket)
            return
        runner = self._runners.backup if ticket.kind == 'backup' else self._runners.restore

        def work(reporter: Reporter, started: datetime) -> dict[str, Any]:
            reporter.say('the machine answers', 'a name with \ud800 in it')
            reporter.phase('fetch', bytes_total=1000, files_total=3)
            reporter.moved(total_bytes=500, files=1, current='/home/pi/half.bin')
            self.halfway.set()
            ended = threading.Event()
            with_cancel = ticket.cancellation.on_cancel(ended.set)
            while not (self.release.wait(0.01) or ended.is_set()):
                pass
            with_cancel()
            ticket.cancellation.check()
            if self.error:
                raise self.error
            reporter.phase('publish')
            reporter.say('the end')
            return dict(self.ending) if ticket.kind == 'backup' else {'status': Status.COMPLETED}

        runner.execution.carry_out(ticket.run_id, ticket.cancellation, work)

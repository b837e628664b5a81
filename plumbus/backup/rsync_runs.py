"""Runs rsync against a client, one run after the other, and judges how each ended."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from plumbus.backup.execution import IDLE_TIMEOUT_S, judged
from plumbus.backup.finishing import Pulled
from plumbus.backup.listing import OutputReader, retried_file
from plumbus.backup.reporting import Reporter, show_errors
from plumbus.cancellation import Cancellation
from plumbus.transfer import rsync
from plumbus.transfer.names import path_bytes
from plumbus.transfer.outcome import Stage
from plumbus.transfer.process import Outcome
from plumbus.transfer.processes import moved_mebibytes
from plumbus.transfer.ssh import SshSession

MAX_WARNINGS = 100


@dataclass(kw_only=True, slots=True)
class RsyncRuns:
    """What the runs of one attempt share. `deadline` is a time of time.monotonic(); what they complain about goes into `pulled`.

    `retried` files came badly at first and are listed a second time at the end.
    """

    sources: list[str]
    session: SshSession
    reporter: Reporter
    cancellation: Cancellation
    home: Path
    deadline: float | None
    pulled: Pulled
    retried: set[bytes] = field(default_factory=set)

    @property
    def source_paths(self) -> list[bytes]:
        """What is backed up, as rsync takes it."""
        return [path_bytes(path) for path in self.sources]

    def run(
        self, arguments: list[bytes], reader: OutputReader, feed: Iterable[bytes] | None = None
    ) -> Outcome:
        """Given a run of rsync, who reads what it prints and what its stdin gets, return how it ended."""
        show = show_errors(self.reporter)

        def hear(lines: list[bytes]) -> None:
            self.retried.update(filter(None, map(retried_file, lines)))
            show(lines)

        return self.session.shared.run(
            arguments,
            cancellation=self.cancellation,
            env={**rsync.environment(self.home), **self.session.env},
            feed=feed,
            on_output=reader,
            on_error=hear,
            idle_timeout_s=IDLE_TIMEOUT_S,
            time_limit_s=self.time_left(),
            activity=moved_mebibytes,  # for minutes rsync says nothing while it compares a big file with what is here
        )

    def time_left(self) -> float | None:
        """How many seconds may go by until the attempt has to be over, None without a limit."""
        return None if self.deadline is None else max(1.0, self.deadline - time.monotonic())

    def accept(self, outcome: Outcome, stage: Stage) -> None:
        """Take over the complaints about single files; raise if the child's end means that there is no whole tree."""
        sources = self.sources if stage == 'scan' else ()
        told = judged(outcome, stage, self.cancellation, sources)
        if told.severity == 'warning':
            self.pulled.partial = True
        if told.cause:
            self.warn(told.files or [told.message])

    def warn(self, texts: Iterable[str]) -> None:
        """Given sentences about single files, keep those that are new."""
        known = self.pulled.warnings
        known += [text for text in texts if text not in known]
        del known[MAX_WARNINGS:]

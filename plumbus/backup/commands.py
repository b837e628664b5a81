"""The commands of a job that run on the client before and after its backup."""

import time
from dataclasses import dataclass

from plumbus.backup.reporting import Reporter, readable
from plumbus.cancellation import Cancellation
from plumbus.failures import failed
from plumbus.model import Job
from plumbus.transfer.process import Outcome
from plumbus.transfer.remote import marked
from plumbus.transfer.ssh import SshSession

IDLE_TIMEOUT_S = 3600.0
LAST_WORDS_S = 2.0  # at least so long somebody who stops a run waits for its last command


@dataclass(kw_only=True, slots=True)
class Commands:
    """`mark` is what the command before is known by over there; `deadline` is a time of time.monotonic()."""

    job: Job
    connection: SshSession
    reporter: Reporter
    cancellation: Cancellation
    mark: str
    deadline: float | None

    def before(self) -> None:
        """Run the command before the backup, if there is one. Raise TransferFailed if it fails, Cancelled."""
        if not self.job.pre_command:
            return
        left = None if self.deadline is None else max(1.0, self.deadline - time.monotonic())
        outcome = self._run('pre-command', self.job.pre_command, self.mark, self.cancellation, left)
        self.cancellation.check()
        if outcome.timed_out:
            raise failed(
                'time_limit' if outcome.timed_out == 'limit' else 'silence', seconds=f'{IDLE_TIMEOUT_S:.0f}'
            )
        if outcome.exit_code:
            raise failed('pre_command', exit_code=outcome.exit_code, code=outcome.exit_code)

    def after(self) -> None:
        """Run the command after the backup, if there is one: after a failure and a cancel too.

        Its own failure is told without costing the snapshot. Who stops a run waits some seconds for it; it is not ended
        over there, for it may be what puts things right again. Raise Cancelled if someone asks to stop meanwhile.
        """
        if not self.job.post_command:
            return
        stopping = self.cancellation.requested
        heard = Cancellation(self.cancellation.witness) if stopping else self.cancellation
        limit = max(LAST_WORDS_S, self.cancellation.time_left_s) if stopping else None
        outcome = self._run('post-command', self.job.post_command, '', heard, limit)
        if outcome.timed_out or outcome.cancelled:
            self.reporter.say('nobody waits for the post-command any longer; it goes on over there')
            heard.check()
        elif outcome.exit_code:
            self.reporter.say(str(failed('post_command', code=outcome.exit_code)))

    def _run(
        self, label: str, command: str, mark: str, cancellation: Cancellation, time_limit_s: float | None
    ) -> Outcome:
        self.reporter.phase(label)
        self.reporter.say(f'{label}: {command}')
        return self.connection.shared.run(
            self.connection.ssh_argv(marked(command, mark)),
            cancellation=cancellation,
            env=self.connection.env,
            on_output=lambda lines: self.reporter.say(*map(readable, lines)),
            on_error=lambda lines: self.reporter.say(*map(readable, lines)),
            idle_timeout_s=IDLE_TIMEOUT_S,
            time_limit_s=time_limit_s,
        )

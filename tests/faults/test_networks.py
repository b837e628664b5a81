"""The network breaks or falls silent, or somebody else answers: the right sentence in time, and the next run goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Backup, Status
from tests.faults.conftest import BIG, short_waits
from tests.support.engines import add_client, back_up, copy_of, job_for, tree_of, write
from tests.support.facts import facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.relay import Fate, Relay
from tests.support.sshd import Sshd
from tests.support.truth import untruths

pytestmark = [pytest.mark.faults, needs_root]
MEBIBYTE = 2**20
BROKE = (
    'connection_lost',
    'The connection broke. Check the network, and whether the machine was restarted. The next run goes on from there.',
)
ENDED = (  # rsync was quicker than ssh to notice
    'connection_lost',
    (
        'The connection broke, or rsync over there ended before its time. '
        "Check the network, and memory and disks of the machine. See the run's log for what was said."
    ),
)
NO_ANSWER = (
    'timeout',
    (
        'The machine does not answer any more, or never did. '
        'Check that the machine is on and in the network, its address, and that no firewall is in between.'
    ),
)
SILENT = (
    'silence',
    'Nothing came from the machine for 2 seconds. Look whether it is up and its network and disks are well.',
)
REFUSED = (
    'refused',
    (
        'The machine is there, but nothing listens on the SSH port. '
        'Start the SSH server over there (sudo systemctl enable --now ssh), or correct the port.'
    ),
)
CHANGED = (
    'host_key_changed',
    (
        'The machine shows another host key than the trusted one. '
        'If it was reinstalled, trust its new key on the page of the client. If not, somebody may be in between: find out first.'
    ),
)


@pytest.fixture
def relay(sshd: Sshd) -> Iterator[Relay]:
    with Relay(sshd.port) as between:
        yield between


@pytest.fixture
def job_id(engine: Engine, sshd: Sshd, relay: Relay, source: Path) -> int:
    """A job whose client is behind the relay; the first contact is over."""
    client = add_client(engine, sshd, port=relay.port)
    assert engine.clients.test(client.id).success
    return job_for(engine, sshd, source, retries=0, retry_delay_s=0).id


def check_whole(engine: Engine, backup: Backup, source: Path) -> None:
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert same(facts(source), facts(copy_of(engine, backup, source))) == []
    assert untruths(engine) == []


def check_told(engine: Engine, backup: Backup, *told: tuple[str, str]) -> None:
    """The run failed for one of these causes, with its sentence and remedy."""
    assert (backup.status, backup.backup_path) == (Status.FAILED, None)
    assert (backup.cause, backup.error_message) in told
    assert untruths(engine) == []


@pytest.mark.parametrize('share', [0.1, 0.5, 0.99])
@pytest.mark.parametrize('first', [True, False])
def test_what_came_before_the_cut_is_not_fetched_again(
    engine: Engine, relay: Relay, job_id: int, source: Path, sshd: Sshd, share: float, first: bool
) -> None:
    kept = {}
    if not first:
        known = back_up(engine, job_id)
        kept = facts(tree_of(engine, known))
        (source / 'z-big').write_bytes(os.urandom(BIG))
        write(source / 'a00', 'changed', sshd)
    relay.fates[:] = [Fate(after=int(BIG * share))]
    check_told(engine, back_up(engine, job_id), BROKE, ENDED)

    backup = back_up(engine, job_id)

    check_whole(engine, backup, source)
    # What was under way is lost: buffers of ssh and sockets, and what rsync had not written yet.
    assert backup.transferred_bytes < BIG * (1 - share) + 2.5 * MEBIBYTE
    if not first:
        assert unchanged(kept, facts(tree_of(engine, known))) == []


def test_a_cut_that_heals_costs_a_second_try_of_the_same_backup(
    engine: Engine, relay: Relay, job_id: int, source: Path
) -> None:
    engine.jobs.update(job_id, {'retries': 2})
    relay.fates[:] = [Fate(after=BIG // 3), Fate(after=BIG // 3)]
    backup = back_up(engine, job_id)
    check_whole(engine, backup, source)
    assert engine.backups.page(job_id=job_id).total == 1
    assert sum('Next try' in line for line in engine.backups.log_tail(backup.id)) == 2


@pytest.mark.parametrize('after', [0, 30, 1500, 4000, 5500, BIG // 2])
def test_silence_ends_wherever_it_begins(
    engine: Engine, relay: Relay, job_id: int, source: Path, after: int
) -> None:
    """Before and in the middle of the greeting, of the exchange of keys, of the scan, of the transfer."""
    relay.fates[:] = [Fate(after=after, how='stall')] * 2
    with short_waits(1):
        broken = back_up(engine, job_id)
    check_told(engine, broken, NO_ANSWER, SILENT)
    relay.fates.clear()
    check_whole(engine, back_up(engine, job_id), source)


def test_somebody_else_who_answers_gets_and_gives_nothing(
    engine: Engine, relay: Relay, job_id: int, source: Path
) -> None:
    known = back_up(engine, job_id)
    kept = facts(tree_of(engine, known))
    (source / 'a00').write_text('changed')
    with Sshd() as stranger:
        stranger.authorize(engine.system.public_key().public_key)
        relay.fates[:] = [Fate(port=stranger.port)] * 5
        check_told(engine, back_up(engine, job_id), CHANGED)
        assert 'Accepted' not in stranger.log
    relay.fates.clear()
    check_whole(engine, back_up(engine, job_id), source)
    assert unchanged(kept, facts(tree_of(engine, known))) == []


def test_a_client_that_is_gone_is_told_at_once(engine: Engine, relay: Relay, job_id: int) -> None:
    relay.close()
    broken = back_up(engine, job_id)
    check_told(engine, broken, REFUSED)


def test_a_connection_that_ends_in_peace_in_the_middle_is_no_end(
    engine: Engine, relay: Relay, job_id: int, source: Path
) -> None:
    relay.fates[:] = [Fate(after=BIG // 2, how='end')]
    check_told(engine, back_up(engine, job_id), BROKE, ENDED)
    check_whole(engine, back_up(engine, job_id), source)

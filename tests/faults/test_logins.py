"""The login over there changes between two runs: the next one says what is wrong and how to mend it, in time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plumbus.engine import Engine
from plumbus.model import Status
from tests.faults.conftest import short_waits
from tests.support.engines import back_up, copy_of, job_for, tree_of, write
from tests.support.facts import facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.sshd import Sshd
from tests.support.truth import untruths

pytestmark = [pytest.mark.faults, needs_root]
PROMPT = '#!/bin/sh\necho "[sudo] password for pi: " >&2\nexec sleep 600\n'
NOISY = 'echo "Welcome to this machine!"; eval "$SSH_ORIGINAL_COMMAND"'
SUDO = (
    'sudo over there does not let this login run rsync without a password. '
    'Allow it over there, in /etc/sudoers.d: USER ALL=(root) NOPASSWD: /usr/bin/rsync'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What became of the login, the cause that is to be named, and the sentence."""

    cause: str
    told: str
    sudo: bool = False
    authorized: bool = True
    without: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None


FAULTS = {
    'sudo wants a password': Fault(cause='sudo', told=SUDO, sudo=True),
    'sudo is missing': Fault(
        cause='sudo_missing',
        told='sudo is missing on the machine. Install it over there, or log in as root with sudo turned off for this client.',
        sudo=True,
        without=('sudo',),
    ),
    'a prompt that waits for ever': Fault(
        cause='prompt',
        told='The machine asks for a password where nobody can type one. '
        'Let this login run rsync there without one, or log in as root with sudo turned off for this client.',
        sudo=True,
        scripts={'sudo': PROMPT},
    ),
    'rsync is missing': Fault(
        cause='rsync_missing',
        told='rsync is missing on the machine. Install it over there: sudo apt install rsync, or the like.',
        without=('rsync',),
    ),
    'the key is not let in any more': Fault(
        cause='auth',
        told='The machine refused the login. '
        "Check user name and password; for a key, add PLUMBUS's public key to ~/.ssh/authorized_keys over there.",
        authorized=False,
    ),
    'a shell that talks': Fault(
        cause='shell_not_clean',
        told='The login shell over there prints something before rsync starts. '
        'Let its start files (~/.bashrc and the like) print nothing when no terminal is there, and give the login a real shell.',
        command=NOISY,
    ),
}


@pytest.mark.parametrize('what', FAULTS)
def test_it_tells_what_is_wrong_over_there_and_goes_on_once_that_is_mended(
    engine: Engine, sshd: Sshd, source: Path, what: str
) -> None:
    fault = FAULTS[what]
    key = engine.system.public_key().public_key
    with sshd.sudo_allowed():
        job = job_for(engine, sshd, source, client={'use_sudo': fault.sudo}, retries=0)
        known = back_up(engine, job.id)
        assert (known.status, known.error_message) == (Status.COMPLETED, None)
    kept = facts(tree_of(engine, known))
    write(source / 'a00', 'changed', sshd)

    sshd.authorized_keys.write_text('')
    if fault.authorized:
        environment = sshd.path_with(without=fault.without, scripts=fault.scripts)
        sshd.authorize(key, environment=environment, command=fault.command)
    with short_waits(4):
        broken = back_up(engine, job.id)

    assert (broken.status, broken.cause, broken.error_message) == (Status.FAILED, fault.cause, fault.told)
    assert untruths(engine) == []
    sshd.authorized_keys.write_text('')
    sshd.authorize(key)
    with sshd.sudo_allowed():
        backup = back_up(engine, job.id)
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert same(facts(source), facts(copy_of(engine, backup, source))) == []
    assert unchanged(kept, facts(tree_of(engine, known))) == []
    assert untruths(engine) == []

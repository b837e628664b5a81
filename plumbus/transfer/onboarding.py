"""Lines to paste on a client that let PLUMBUS in there. Each does the same when it is run again, and can be read before."""

import shlex

DEDICATED_USER = 'plumbus'


def login_command(key: str) -> str:
    """Given PLUMBUS's public key, return what lets it log in as whoever runs it."""
    file = '~/.ssh/authorized_keys'
    return (
        f'mkdir -p ~/.ssh && chmod 700 ~/.ssh && touch {file} && chmod 600 {file}'
        f" && (grep -qF '{key.split()[1]}' {file} || printf '\\n%s\\n' '{key}' >> {file})"
    )


def dedicated_command(key: str, user: str = DEDICATED_USER) -> str:
    """Given PLUMBUS's public key, return what an admin of the client runs: a user for PLUMBUS alone, which nobody logs in to with
    a password, and which may run rsync as root and nothing else (sudoers(5)). `restrict`: no terminal, no forwarding (sshd(8)).
    """
    home, rules = f'/var/lib/{user}', f'/etc/sudoers.d/{user}'
    steps = [  # double quotes alone, so that the whole stands readable between two single ones
        'set -eu',
        'rsync=$(command -v rsync) || { echo "Install rsync first."; exit 1; }',
        f'id -u {user} >/dev/null 2>&1 || useradd --system --create-home --home-dir {home} --shell /bin/sh --password "*" {user}',
        f'install -d -m 700 -o {user} {home}/.ssh',
        f'echo "restrict {key}" > {home}/.ssh/authorized_keys',
        f'chown {user} {home}/.ssh/authorized_keys',
        f'chmod 600 {home}/.ssh/authorized_keys',
        f'echo "{user} ALL=(root) NOPASSWD: $rsync" > {rules}.new',
        f'chmod 440 {rules}.new',
        f'visudo -cqf {rules}.new',
        f'mv {rules}.new {rules}',
        f'echo "PLUMBUS may log in as {user} now."',
    ]
    return f'sudo sh -c {shlex.quote("; ".join(steps))}'


def rsync_only_command(key: str) -> str:
    """Given PLUMBUS's public key, return what lets it run rsync as whoever runs this, and nothing else (rrsync(1))."""
    file, forced = '~/.ssh/authorized_keys', 'restrict,command="rrsync /"'
    return (
        f'mkdir -p ~/.ssh && chmod 700 ~/.ssh && touch {file} && chmod 600 {file}'
        f" && (grep -qF '{key.split()[1]}' {file} || printf '\\n%s\\n' '{forced} {key}' >> {file})"
    )

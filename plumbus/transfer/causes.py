"""The table of causes: what rsync, ssh, sudo or a shell say on stderr, and what a user is told instead. Data only.

The first row that matches wins, so what explains more stands above what it leads to: a refused sudo also ends the
connection, and a full disk may end in a timeout. Texts are those of rsync 3.1 to 3.5, OpenSSH 7 to 10 and sudo 1.8 to 1.9.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """`message` may hold {of}: on whose side it happened. `transient`: the same run may succeed a little later."""

    id: str
    pattern: re.Pattern[bytes]
    message: str
    remedy: str = ''
    transient: bool = False


def _cause(name: str, pattern: str, message: str, remedy: str = '', *, transient: bool = False) -> Cause:
    return Cause(name, re.compile(pattern.encode(), re.MULTILINE), message, remedy, transient)


FREE_SPACE = 'Free space there, keep fewer snapshots, or use a larger disk.'
SUDOERS = 'Allow it over there, in /etc/sudoers.d: USER ALL=(root) NOPASSWD: /usr/bin/rsync'
INSTALL_RSYNC = 'Install it over there: sudo apt install rsync, or the like.'
POWERED_ON = (
    'Check that the machine is on and in the network, its address, and that no firewall is in between.'
)
SEE_LOG = "See the run's log for what was said."

# What the receiving side lacks. These end a run even where rsync itself goes on with the next file (code 23).
# Where extended attributes find no space, there is too much in those of one file (outcome.py).
STORAGE = [
    _cause('disk_full', r'(?:write failed|write error|error writing).*No space left', 'The disk {of} is full.', FREE_SPACE),
    _cause('inodes_full', r'^(?!.*xattr).*(?:mkstemp|mkdir|symlink|mknod|link).*No space left',
           'The disk {of} takes no more files: it is full, or out of inodes.', f'{FREE_SPACE} df -h and df -i tell which it is.'),
    _cause('disk_full', '^(?!.*xattr).*No space left on device', 'The disk {of} is full.', FREE_SPACE),
    _cause('quota', 'quota exceeded', 'The disk quota {of} is used up.', 'Raise the quota, or free space.'),
    _cause('read_only', 'Read-only file system', 'The file system {of} is read-only.',
           'Mount it writable; if it turned read-only by itself, its disk may be failing (dmesg tells).'),
    _cause('file_too_large', r'File too large',
           'A file is larger than the file system {of} allows.', 'Use a file system like ext4, or exclude the file.'),
    _cause('disk_error', r'\[(?:[Rr]eceiver|generator)[^]]*\].*Input/output error',
           'The disk {of} reports errors.', 'Check it (dmesg, smartctl -a), and replace it if it is failing.'),
    _cause('hostile', 'rejecting (?:unrequested|excluded) file-list name|file-list name .*unsafe|sender tried to'
           '|(?:unsafe pathname|invalid path) from sender|refusing flist',
           'The machine sent files that nobody asked for.', 'Check this machine: its rsync does not do what it should.'),
]  # fmt: skip

CONNECTION = [
    # the machine to jump over
    _cause('jump', 'administratively prohibited', 'The machine to jump over does not let anyone through.',
           'Allow it over there: AllowTcpForwarding yes in sshd_config, and no "restrict" at the key.'),
    _cause('jump', 'stdio forwarding failed|channel 0: open failed', 'The machine to jump over cannot reach this one.',
           'Check that the machine is on, and that the one in between knows it by this name or address.', transient=True),
    # finding and reaching it
    _cause('dns', 'Temporary failure in name resolution', 'The name of the machine cannot be looked up now.',
           'Check the network and name server of the PLUMBUS server, or use the IP address.', transient=True),
    _cause('dns', 'Could not resolve hostname', 'The name of the machine is not known.',
           'Correct it, or use the IP address; names ending in .local need mDNS on the PLUMBUS server.'),
    _cause('refused', r'port \d+: Connection refused', 'The machine is there, but nothing listens on the SSH port.',
           'Start the SSH server over there (sudo systemctl enable --now ssh), or correct the port.', transient=True),
    _cause('network_unreachable', 'Network is unreachable|No route to host|Host is down',
           'There is no way through the network to the machine.', POWERED_ON, transient=True),
    _cause('timeout', r'timed out|Timeout, server .* not responding|io timeout after',
           'The machine does not answer any more, or never did.', POWERED_ON, transient=True),
    # is it the right one
    _cause('host_key_changed', 'REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed',
           'The machine shows another host key than the trusted one.',
           'If it was reinstalled, trust its new key on the page of the client. If not, somebody may be in between: find out first.'),
    _cause('host_key_unknown', r'host key is known for|Host key verification failed',
           'The host key of the machine is not known yet.', 'Test the connection once: that shows the key and remembers it.'),
    _cause('ssh_algorithms', 'Unable to negotiate with|no matching .* found',
           'The SSH server over there knows only methods that are no longer safe.', 'Update OpenSSH over there.'),
    # may we come in
    _cause('key_unreadable', r'^Load key .*: |UNPROTECTED PRIVATE KEY FILE|Identity file .* not accessible',
           'The private key of this client cannot be read.', 'Give it again: complete, unencrypted, in OpenSSH or PEM format.'),
    _cause('account', 'account (?:is|has) (?:currently not available|expired|locked)|password has expired|required to change your password',
           'The login over there is locked, or its password has expired.', 'Unlock it, or set a new password.'),
    _cause('auth', r'Permission denied \((?:[a-z-]+,?)+\)|Permission denied, please try again|Too many authentication failures',
           'The machine refused the login.',
           "Check user name and password; for a key, add PLUMBUS's public key to ~/.ssh/authorized_keys over there."),
    # what runs there
    _cause('forced_command', 'sending to read-only server', 'The key of this client may only read on this machine (rrsync -ro).',
           'Restore with another key, or to another client.'),
    _cause('forced_command', 'option -s has been disabled on this server', 'The key of this client is bound to rrsync, which refuses -s.',
           'Test the connection again, so that it is noticed.'),
    _cause('source_missing', 'rrsync error: .*No such file or directory', 'The path is not below the folder that the key of this client may read.',
           'Correct the source paths, or the rrsync line in authorized_keys over there.'),
    _cause('forced_command', 'rrsync error|SSH_ORIGINAL_COMMAND', 'The key of this client is bound to a command over there that does not allow this.',
           'Change the line in ~/.ssh/authorized_keys over there, or turn off sudo for this client.'),
    _cause('rsync_missing', r'sudo: rsync: command not found', 'rsync is missing on the machine.', INSTALL_RSYNC),
    _cause('sudo_missing', r'(?:sudo: (?:command )?not found|command not found: sudo|[Uu]nknown command:? .?sudo|^env: .*sudo[^\s:]*: No such file)',
           'sudo is missing on the machine.', 'Install it over there, or log in as root with sudo turned off for this client.'),
    _cause('sudo', r'^sudo: (?!unable to resolve host)|you must have a tty|is not in the sudoers file|is not allowed to (?:execute|run)',
           'sudo over there does not let this login run rsync without a password.', SUDOERS),
    _cause('program', r'^(?:-?\w*sh|env): .*rsync[^\s:]*: Permission denied', 'rsync over there may not be executed by this login.',
           'Check its permissions.'),
    # shells with a language of their own are told by their name
    _cause('rsync_missing',
           r'^-?\w*sh: .*rsync: |rsync[^\s:]*: (?:[Cc]ommand )?not found|command not found: \S*rsync|[Uu]nknown command:? \S*rsync'
           r'|^[^[\n]*rsync[^\s:]*: No such file or directory|remote command not found',
           'rsync is missing on the machine.', INSTALL_RSYNC),
    _cause('shell_not_clean', 'is your shell clean', 'The login shell over there prints something before rsync starts.',
           'Let its start files (~/.bashrc and the like) print nothing when no terminal is there, and give the login a real shell.'),
    _cause('rsync_old', r'(?:on remote machine: |^rsync: )\S+: unknown option|unrecognized option', 'The rsync over there is too old.',
           'Update it, to 3.2.3 or newer.'),
    _cause('attributes_unsupported', r'(?:ACLs|extended attributes) are not supported on this',
           'One of both ends cannot keep ACLs or extended attributes.', 'Test the connection again, so that it is noticed.'),
    # our own side
    _cause('server_user', '^No user exists for uid', 'The user that PLUMBUS runs as has no name on the PLUMBUS server, so ssh refuses to work.',
           'Give it one there, in /etc/passwd; in the container run as root or as its user plumbus (uid 1000).'),
    _cause('ssh_missing', r'Failed to exec', 'ssh is missing on the PLUMBUS server.', 'Install it there: apt install openssh-client'),
    _cause('untrusted_link', 'symlink owned by an untrusted user', 'The data folder lies behind a symbolic link that somebody else owns.',
           'Set PLUMBUS_DATA_DIR to its real path.'),
    _cause('target', r'(?:change_dir|mkdir).* failed: (?:Permission denied|No such file|Not a directory)|failed to create directory',
           'The target folder {of} cannot be entered or made.', 'Check the path and its permissions; sudo may help over there.'),
    _cause('links', r'^cp: ', 'The files of the last snapshot could not be linked into the new one.',
           'Check that the data folder is on a file system with hard links (ext4, XFS, Btrfs).'),
    # whatever it was, it is over
    _cause('out_of_memory', 'out of memory|Cannot allocate memory|Too many open files', 'One of both ends ran out of memory.',
           'Back up fewer files in one job, or give it more memory.', transient=True),
    _cause('connection_lost', r'^Connection (?:closed|reset) by|kex_exchange_identification', 'The machine ended the connection before the login.',
           'Look into the log of its SSH server (journalctl -u ssh), and for fail2ban.', transient=True),
    _cause('connection_lost',
           r'^Connection to \S+ (?:closed|reset)|^Read from remote host|closed by remote host|client_loop|ssh_dispatch_run_fatal',
           'The connection broke.', 'Check the network, and whether the machine was restarted. The next run goes on from there.', transient=True),
    _cause('prompt', r'^[^\n]{0,100}(?:[Pp]assword|[Pp]assphrase|[Vv]erification code)[^\n]{0,100}: ?$',
           'The machine asks for a password where nobody can type one.',
           'Let this login run rsync there without one, or log in as root with sudo turned off for this client.'),
    _cause('crashed', 'terminated by signal|Segmentation fault', 'rsync crashed.', 'Update rsync on both ends.'),
]  # fmt: skip

EXIT_CODES: dict[int, Cause] = {
    code: _cause(name, '', message, remedy, transient=transient)
    for codes, name, message, remedy, transient in [
        ([1], 'usage', 'rsync did not take its options.', f'Update rsync on both ends. {SEE_LOG}', False),
        ([2], 'protocol', 'The rsyncs of both ends do not understand each other.', 'Update them.', False),
        ([3, 11, 23], 'file_io', 'Files {of} could not be read or written.', SEE_LOG, False),
        ([4], 'unsupported', 'The rsync of one end does not know what was asked for.', 'Update it.', False),
        ([5, 10, 12, 255], 'connection_lost', 'The connection broke, or rsync over there ended before its time.',
         f'Check the network, and memory and disks of the machine. {SEE_LOG}', True),
        ([14], 'program', 'A program that rsync needs could not be started.', SEE_LOG, False),
        ([20, 19, 143, 137, -15, -9, -2, -1], 'killed', 'Someone, or a lack of memory, ended rsync from outside.',
         'Look into the system logs of both ends (journalctl -k).', True),
        ([21, 134, 139, -6, -11], 'crashed', 'rsync crashed.', 'Update rsync on both ends.', False),
        ([22], 'out_of_memory', 'One of both ends ran out of memory.', 'Back up fewer files in one job, or give it more memory.', True),
        ([30, 35], 'timeout', 'The machine does not answer any more, or never did.', POWERED_ON, True),
        ([126], 'program', 'rsync over there may not be executed by this login.', 'Check its permissions.', False),
        ([127], 'rsync_missing', 'rsync is missing on the machine.', INSTALL_RSYNC, False),
    ]
    for code in codes
}  # fmt: skip

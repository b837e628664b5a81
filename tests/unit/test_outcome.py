"""Every row of the table of causes, told from what rsync, ssh, sudo and shells really said (host names and paths shortened)."""

import errno

import pytest

from plumbus.transfer.causes import CONNECTION, EXIT_CODES, STORAGE, Cause
from plumbus.transfer.outcome import Stage, explain, explain_storage

CLOSED = b"""\
rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: unexplained error (code 255) at io.c(285) [Receiver=3.5.0]"""
PARTIAL = b'rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956) [generator=3.5.0]'

# exit code, what was on stderr, the cause that is told. First the texts, in the order of the table.
FAILURES = [
    (11, b"""\
rsync: [receiver] write failed on "/data/tree/tmp/big/f0": No space left on device (28)
rsync error: error in file IO (code 11) at receiver.c(657) [receiver=3.5.0]
rsync: [sender] write error: Broken pipe (32)""", 'disk_full'),
    (30, b"""\
rsync: [receiver] write failed on "/srv/full/tmp/big/f0": No space left on device (28)
rsync error: error in file IO (code 11) at receiver.c(657) [receiver=3.5.0]
[sender] io timeout after 6 seconds -- exiting
rsync error: timeout in data send/receive (code 30) at io.c(248) [sender=3.5.0]""", 'disk_full'),
    (1, b"cp: error writing '/data/b': No space left on device", 'disk_full'),
    (23, b"""\
rsync: [receiver] mkstemp "/data/tree/tmp/src/.#hash.nwogXp" failed: No space left on device (28)
rsync: [receiver] mkstemp "/data/tree/tmp/src/a/.x.tmp.3iRDOg" failed: No space left on device (28)
""" + PARTIAL, 'inodes_full'),
    (1, b"cp: cannot create hard link '/data/b' to '/data/a': No space left on device", 'inodes_full'),
    (11, b'rsync: [receiver] close failed on "/data/x": No space left on device (28)', 'disk_full'),
    (11, b'rsync: [receiver] write failed on "/data/x": Disk quota exceeded (122)', 'quota'),
    (23, b"""\
rsync: [generator] recv_generator: mkdir "/data/tree/tmp" failed: Read-only file system (30)
*** Skipping any contents from this failed directory ***
""" + PARTIAL, 'read_only'),
    (11, b"""\
rsync: [receiver] write failed on "/data/tree/tmp/big/f0": File too large (27)
rsync error: error in file IO (code 11) at receiver.c(657) [receiver=3.5.0]""", 'file_too_large'),
    (23, b'rsync: [receiver] read error on "/data/tree/x": Input/output error (5)\n' + PARTIAL, 'disk_error'),
    (4, b"""\
ERROR: rejecting unrequested file-list name: /tmp/glob/b
rsync error: requested action not supported (code 4) at flist.c(1370) [receiver=3.5.0]""", 'hostile'),
    (255, b"""\
channel 0: open failed: administratively prohibited: open failed
stdio forwarding failed
Connection closed by UNKNOWN port 65535
""" + CLOSED, 'jump'),
    (255, b"""\
channel 0: open failed: connect failed: Connection refused
stdio forwarding failed
Connection closed by UNKNOWN port 65535
""" + CLOSED, 'jump'),
    (255, b'ssh: Could not resolve hostname pi.local: Temporary failure in name resolution\n' + CLOSED, 'dns'),
    (255, b'ssh: Could not resolve hostname no-such-host.invalid: Name or service not known\n' + CLOSED, 'dns'),
    (12, b"""\
ssh: connect to host 127.0.0.1 port 1: Connection refused
rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: error in rsync protocol data stream (code 12) at io.c(285) [Receiver=3.5.0]""", 'refused'),
    (255, b'ssh: connect to host 127.0.0.1 port 1: Connection refused\n' + CLOSED, 'refused'),
    (255, b'ssh: connect to host 2001:db8::1 port 22: No route to host\n' + CLOSED, 'network_unreachable'),
    (255, b"""\
Connection timed out during banner exchange
Connection to 192.0.2.1 port 22 timed out
""" + CLOSED, 'timeout'),
    (255, b'ssh: connect to host 192.0.2.1 port 22: Connection timed out\n' + CLOSED, 'timeout'),
    (255, b'Timeout, server 192.0.2.1 not responding.\n' + CLOSED, 'timeout'),
    (30, b"""\
[Receiver] io timeout after 2 seconds -- exiting
rsync error: timeout in data send/receive (code 30) at io.c(248) [Receiver=3.5.0]""", 'timeout'),
    (255, b"""\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key for [127.0.0.1]:22931 has changed and you have requested strict checking.
Host key verification failed.
""" + CLOSED, 'host_key_changed'),
    (255, b"""\
No ED25519 host key is known for [127.0.0.1]:22931 and you have requested strict checking.
Host key verification failed.
""" + CLOSED, 'host_key_unknown'),
    (255, b'Unable to negotiate with 127.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n' + CLOSED,
     'ssh_algorithms'),
    (255, b"""\
Load key "/keys/id": error in libcrypto
root@127.0.0.1: Permission denied (publickey,password).
""" + CLOSED, 'key_unreadable'),
    (255, b"""\
Warning: Identity file /keys/none not accessible: No such file or directory.
root@127.0.0.1: Permission denied (publickey,password).
""" + CLOSED, 'key_unreadable'),
    (12, b'WARNING: Your password has expired.\nPassword change required but no TTY available.\n' + CLOSED, 'account'),
    (255, b'root@127.0.0.1: Permission denied (publickey,password).\n' + CLOSED, 'auth'),
    (255, b'root@127.0.0.1: Permission denied (publickey,gssapi-keyex,gssapi-with-mic).\n' + CLOSED, 'auth'),
    (255, b'Received disconnect from 127.0.0.1 port 22:2: Too many authentication failures\n' + CLOSED, 'auth'),
    (12, b'/usr/bin/rrsync error: sending to read-only server is not allowed\n' + CLOSED, 'forced_command'),
    (12, b'/usr/bin/rrsync error: option -s has been disabled on this server.\n' + CLOSED, 'forced_command'),
    (12, b'/usr/bin/rrsync error: post-realpath open failed (race detected): /nope No such file or directory\n' + CLOSED,
     'source_missing'),
    (12, b'/usr/bin/rrsync error: SSH_ORIGINAL_COMMAND does not run rsync\n' + CLOSED, 'forced_command'),
    (12, b'sudo: rsync: command not found\n' + CLOSED, 'rsync_missing'),
    (127, b'bash: line 1: sudo: command not found\n' + CLOSED, 'sudo_missing'),
    (12, b'sh: 1: sudo: not found\n' + CLOSED, 'sudo_missing'),
    (127, 'env: ‘sudo’: No such file or directory\n'.encode() + CLOSED, 'sudo_missing'),
    (127, 'env: ‘rsync’: No such file or directory\n'.encode() + CLOSED, 'rsync_missing'),
    (127, b"env: can't execute 'rsync': No such file or directory\n" + CLOSED, 'rsync_missing'),
    (12, b"""\
sudo: a password is required
rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: error in rsync protocol data stream (code 12) at io.c(285) [Receiver=3.5.0]""", 'sudo'),
    (12, b"Sorry, user pi is not allowed to execute '/usr/bin/rsync --server .' as root on pi.\n" + CLOSED, 'sudo'),
    (12, b'sudo: Ein Passwort ist notwendig\n' + CLOSED, 'sudo'),
    (126, b'bash: line 1: /usr/bin/rsync: Permission denied\n' + CLOSED, 'program'),
    (126, 'env: ‘rsync’: Permission denied\n'.encode() + CLOSED, 'program'),
    (127, b"""\
bash: line 1: /nonexist/rsync: No such file or directory
rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: remote command not found (code 127) at io.c(285) [Receiver=3.5.0]""", 'rsync_missing'),
    (12, b'bash: line 1: rsync: command not found\n' + CLOSED, 'rsync_missing'),
    (12, b'bash: Zeile 1: rsync: Kommando nicht gefunden.\n' + CLOSED, 'rsync_missing'),
    (12, b'sh: 1: rsync: not found\n' + CLOSED, 'rsync_missing'),
    (12, b'zsh:1: command not found: rsync\n' + CLOSED, 'rsync_missing'),
    (12, b'fish: Unknown command: rsync\n' + CLOSED, 'rsync_missing'),
    (2, b"""\
protocol version mismatch -- is your shell clean?
(see the rsync manpage for an explanation)
rsync error: protocol incompatibility (code 2) at compat.c(625) [Receiver=3.5.0]""", 'shell_not_clean'),
    (1, b"""\
rsync: on remote machine: --mkpath: unknown option
rsync error: syntax or usage error (code 1) at main.c(1886) [server=3.1.3]""", 'rsync_old'),
    (4, b'ACLs are not supported on this server\nrsync error: requested action not supported (code 4)', 'attributes_unsupported'),
    (255, b'No user exists for uid 4242\n' + CLOSED, 'server_user'),
    (14, b"""\
rsync: [Receiver] Failed to exec ssh: No such file or directory (2)
rsync error: error in IPC code (code 14) at pipe.c(85) [Receiver=3.5.0]""", 'ssh_missing'),
    (3, b'rsync: [Receiver] refusing to follow a symlink owned by an untrusted user: "/data" (1)', 'untrusted_link'),
    (3, b"""\
rsync: [Receiver] change_dir#1 "/root/" failed: Permission denied (13)
rsync error: errors selecting input/output files, dirs (code 3) at main.c(768) [Receiver=3.5.0]""", 'target'),
    (11, b'rsync: [Receiver] mkdir "/srv/a/b" failed: No such file or directory (2)', 'target'),
    (1, b"cp: cannot create hard link '/data/b' to '/data/a': Operation not permitted", 'links'),
    (22, b'ERROR: out of memory in flist_expand\nrsync error: error allocating core memory buffers (code 22)', 'out_of_memory'),
    (255, b'Connection to 127.0.0.1 closed by remote host.\n' + CLOSED, 'connection_lost'),
    (255, b'kex_exchange_identification: read: Connection reset by peer\n' + CLOSED, 'connection_lost'),
    (255, b'Read from remote host 127.0.0.1: Connection reset by peer\n' + CLOSED, 'connection_lost'),
    (255, b'client_loop: send disconnect: Broken pipe\n' + CLOSED, 'connection_lost'),
    (255, b'[sudo] password for pi: \n' + CLOSED, 'prompt'),
    (255, b'doas (pi@sample) password: \n' + CLOSED, 'prompt'),
    (15, b'rsync: [generator] receiver process terminated by signal 11', 'crashed'),
    # then those where only the exit code tells
    (2, b'rsync error: protocol incompatibility (code 2)', 'protocol'),
    (11, b'', 'file_io'),
    (4, b'', 'unsupported'),
    (12, b"""\
rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]
rsync error: error in rsync protocol data stream (code 12) at io.c(285) [Receiver=3.5.0]""", 'connection_lost'),
    (20, b'rsync error: received SIGINT, SIGTERM, or SIGHUP (code 20) at io.c(586) [receiver=3.5.0]', 'killed'),
    (-9, b'', 'killed'),
    (-11, b'', 'crashed'),
    (22, b'', 'out_of_memory'),
    (35, b'', 'timeout'),
    (127, b'', 'rsync_missing'),
    (126, b'', 'program'),
    (14, b'', 'program'),
    (1, b'rsync: --nosuch: bad\nrsync error: syntax or usage error (code 1) at main.c(1886) [client=3.5.0]', 'usage'),
    (99, b'', 'unknown'),
]  # fmt: skip


def name_of(value: object) -> str:
    return value[:24].decode('ascii', 'replace') if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(('exit_code', 'stderr', 'cause'), FAILURES, ids=name_of)
def test_it_tells_the_cause(exit_code: int, stderr: bytes, cause: str) -> None:
    told = explain(exit_code, stderr.split(b'\n'))

    assert (told.cause, told.severity) == (cause, 'failed')
    assert told.message.endswith('.')
    assert told.remedy
    assert '{' not in told.message + told.remedy


@pytest.mark.parametrize('row', [*STORAGE, *CONNECTION], ids=lambda row: f'{row.id}: {row.message}')
def test_it_has_an_example_for_every_row(row: Cause) -> None:
    def deciding(stderr: bytes) -> Cause | None:
        return next((cause for cause in [*STORAGE, *CONNECTION] if cause.pattern.search(stderr)), None)

    assert any(deciding(stderr) is row for _, stderr, _ in FAILURES)


@pytest.mark.parametrize('code', EXIT_CODES)
def test_it_says_something_about_every_exit_code(code: int) -> None:
    told = explain(code, [])

    assert told.message
    assert told.severity == ('warning' if code == 23 else 'failed')


@pytest.mark.parametrize(
    ('cause', 'stderr'),
    [
        ('refused', b'ssh: connect to host pi port 22: Connection refused'),
        ('timeout', b'ssh: connect to host pi port 22: Connection timed out'),
        ('network_unreachable', b'ssh: connect to host pi port 22: Network is unreachable'),
        ('connection_lost', b'Connection closed by 192.0.2.1 port 22'),
    ],
)
def test_it_lets_troubles_of_the_network_be_tried_again(cause: str, stderr: bytes) -> None:
    told = explain(255, [stderr])

    assert (told.cause, told.transient) == (cause, True)


@pytest.mark.parametrize(
    'stderr',
    [
        b'Host key verification failed.',
        b'root@pi: Permission denied (publickey).',
        b'sudo: a password is required',
    ],
)
def test_it_lets_nobody_knock_again_who_was_turned_away(stderr: bytes) -> None:
    assert not explain(255, [stderr]).transient


@pytest.mark.parametrize(
    ('error', 'cause'),
    [
        (OSError(errno.ENOSPC, 'No space left on device'), 'disk_full'),
        (OSError(errno.ENOSPC, 'No space left on device', '/data/x'), 'inodes_full'),
        (OSError(errno.EDQUOT, 'Disk quota exceeded'), 'quota'),
        (OSError(errno.EROFS, 'Read-only file system', '/data/x'), 'read_only'),
        (OSError(errno.EIO, 'Input/output error'), 'disk_error'),
    ],
)
def test_it_tells_the_same_when_plumbus_itself_meets_it(error: OSError, cause: str) -> None:
    told = explain_storage(error)

    assert told is not None
    assert (told.cause, told.severity) == (cause, 'failed')
    assert '{' not in told.message


def test_it_leaves_other_errors_of_the_system_to_others() -> None:
    assert explain_storage(OSError(errno.ENOENT, 'No such file or directory')) is None


def test_it_is_silent_when_all_went_well() -> None:
    told = explain(0, [b'Connection refused', b'No space left on device'])

    assert (told.cause, told.message, told.severity, told.files) == ('', '', 'ok', [])


def test_it_names_on_whose_side_the_disk_is_full() -> None:
    line = b'rsync: [receiver] write failed on "/x": No space left on device (28)'

    assert explain(11, [line], stage='transfer').message == 'The disk of the data folder is full.'
    assert explain(11, [line], stage='restore').message == 'The disk of the machine is full.'


def test_it_lists_files_that_could_not_be_read() -> None:
    told = explain(23, [
        b'rsync: [sender] opendir "/srv/d" failed: Permission denied (13)',
        b'rsync: [sender] send_files failed to open "/srv/b \\#012 \\"x": Permission denied (13)',
        b'rsync: [sender] readlink_stat("/srv/e") failed: Permission denied (13)',
        b'rsync: [sender] read errors mapping "/srv/f": Input/output error (5)',
        b'rsync: [generator] symlink "/data/tree/l" -> "x" failed: File name too long (36)',
        b'rsync: [receiver] rsync_xal_set: lsetxattr("/data/tree/x","security.y") failed: Operation not permitted (1)',
        b'ERROR: srv/g failed verification -- update discarded.',
        PARTIAL,
    ])  # fmt: skip

    assert (told.cause, told.severity) == ('permission_denied', 'warning')
    assert told.files == [
        '/srv/d: Permission denied',
        '/srv/b � \\"x: Permission denied',
        '/srv/e: Permission denied',
        '/srv/f: Input/output error',
        '/data/tree/l: File name too long',
        '/data/tree/x: Operation not permitted',
        'srv/g: Input/output error',
    ]


def test_it_takes_vanished_files_as_normal() -> None:
    line = b'file has vanished: "/srv/2"'

    for code in (23, 24):
        told = explain(code, [line, b'directory has vanished: "/srv/d"'])
        assert (told.cause, told.severity) == ('vanished', 'ok')
        assert told.files == ['/srv/2: vanished meanwhile', '/srv/d: vanished meanwhile']


def test_it_takes_a_listed_file_that_is_gone_by_the_time_of_the_fetch_as_vanished() -> None:
    told = explain(
        23, [b'rsync: [sender] link_stat "/srv/gone" failed: No such file or directory (2)', PARTIAL]
    )

    assert (told.cause, told.severity) == ('vanished', 'ok')


@pytest.mark.parametrize(
    'line',
    [
        b'rsync: [sender] link_stat "/srv/gone" failed: No such file or directory (2)',
        b'rsync: [sender] change_dir "/srv/gone" failed: No such file or directory (2)',
        b'rsync: change_dir#3 "/srv/gone" failed: No such file or directory (2)',
    ],
)
def test_it_fails_when_a_source_path_is_missing(line: bytes) -> None:
    told = explain(23, [line, PARTIAL], stage='scan')

    assert (told.cause, told.severity) == ('source_missing', 'failed')
    assert told.message == 'There is no /srv/gone on the machine.'


def test_it_tells_an_unreadable_source_path_from_an_unreadable_folder_below_it() -> None:
    line = b'rsync: [sender] opendir "/srv/private" failed: Permission denied (13)'

    assert explain(23, [line], stage='scan', sources=['/srv']).severity == 'warning'
    told = explain(23, [line], stage='scan', sources=['/srv/private'])
    assert (told.cause, told.severity) == ('source_unreadable', 'failed')


def test_it_fails_a_restore_that_left_out_whole_folders() -> None:
    told = explain(23, [
        b'rsync: [generator] recv_generator: mkdir "/etc/perm" failed: Permission denied (13)',
        b'*** Skipping any contents from this failed directory ***',
        PARTIAL,
    ], stage='restore')  # fmt: skip

    assert told.severity == 'failed'
    assert told.message == 'Files of the machine could not be read or written.'


STAGES: list[Stage] = ['connect', 'scan', 'transfer', 'restore']


@pytest.mark.parametrize('stage', STAGES)
def test_it_shows_bounded_printable_text_whatever_a_client_says(stage: Stage) -> None:
    evil = b'\x1b[31m\xff\xe2\x80\xae' + b'A' * 100_000
    lines = [b'rsync: [sender] link_stat "/' + evil + b'" failed: Permission denied (13)']
    lines += [
        b'rsync: [sender] opendir "/%b %d" failed: Permission denied (13)' % (evil[:2000], n)
        for n in range(500)
    ]
    lines += [b'file has vanished: "' + evil[:900] + b'"', evil]

    for code in (23, 24, 12, 255, 11):
        told = explain(code, lines, stage=stage)
        assert len(told.files) <= 100
        for text in (told.message, told.remedy, *told.files):
            assert len(text) < 400
            assert text.isprintable()
            text.encode()


@pytest.mark.parametrize(
    ('line', 'name'),
    [
        (
            b'rsync: [receiver] rsync_xal_set: fsetxattr("/data/.incomplete/temporary/a.txt.08gA1o","user.big") failed: ',
            'a.txt',
        ),
        (
            b'rsync: [receiver] rsync_xal_set: fsetxattr("/data/.incomplete/tree/home/.a.txt.08gA1o","user.big") failed: ',
            'a.txt',
        ),
        (
            b'rsync: [receiver] rsync_xal_set: lsetxattr("/data/tree/links/mkdir/b","user.a") failed: ',
            '/data/tree/links/mkdir/b',
        ),
        (b'rsync: [generator] failed to write xattr user.rsync.%stat for "/data/tree/c": ', '/data/tree/c'),
    ],
)
def test_it_tells_attributes_that_are_too_large_from_a_full_disk(line: bytes, name: str) -> None:
    told = explain(23, [line + b'No space left on device (28)', PARTIAL])
    assert (told.severity, told.cause) == ('warning', 'partial')
    assert told.files == [f'{name}: has more extended attributes than the disk takes; some of them are lost']
    full = b'rsync: [receiver] write failed on "/data/x": No space left on device (28)'
    assert explain(23, [line + b'No space left on device (28)', full, PARTIAL]).cause == 'disk_full'

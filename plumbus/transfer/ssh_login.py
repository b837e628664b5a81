"""Logs in with paramiko, over jump machines where there are any. The host key is compared before any secret is sent.

What the far side sends is read with a limit in time and size. Every failure is a ClientError with its remedy.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import paramiko

from plumbus.errors import ClientError, HostKeyChanged
from plumbus.transfer import ssh_errors
from plumbus.transfer.keys import Keys, fingerprint
from plumbus.transfer.ssh_key import load_private_key
from plumbus.transfer.target import Target, require_password

MOST_BYTES = 64 * 1024
STEPS = 4  # a login or a test takes at most this many times the time limit of one step
RSA = ('rsa-sha2-512', 'rsa-sha2-256')
ADDRESSES = list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]]
# paramiko logs what it raises too, with a traceback.
quiet = logging.getLogger('plumbus.quiet')
quiet.setLevel(logging.CRITICAL + 1)


class TimeLimit:
    """Hands out the seconds for each step, and an end for all of them together."""

    def __init__(self, step_s: float, hops: int = 1) -> None:
        self.step_s = step_s
        self._end = time.monotonic() + step_s * STEPS * hops

    def left(self) -> float:
        """Return the seconds that the next step may take. Raise TimeoutError if none are left."""
        left = min(self.step_s, self._end - time.monotonic())
        if left <= 0:
            raise TimeoutError('the time limit for all steps is over')
        return left


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command over there wrote, cut at 64 KiB each. `exit_code` is None if none came."""

    exit_code: int | None
    output: bytes
    error: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A login that stands. Valid inside the `login` block only."""

    target: Target
    transport: paramiko.Transport
    host_key_line: str
    limit: TimeLimit

    def run(self, command: str, feed: bytes = b'') -> Answer:
        """Given a command for the login shell and what to write to it, return what it answers. Raise ClientError."""
        try:
            with self.transport.open_session(timeout=self.limit.left()) as channel:
                channel.settimeout(self.limit.left())
                channel.exec_command(command)  # nosec B601 -- commands of ours, every word of a user quoted
                if feed:
                    channel.sendall(feed)
                channel.shutdown_write()
                output = self._read(channel, channel.recv)
                error = self._read(channel, channel.recv_stderr)
                channel.status_event.wait(self.limit.left() if len(output) < MOST_BYTES else 0)
                code = channel.recv_exit_status() if channel.status_event.is_set() else None
                return Answer(exit_code=code, output=output, error=error)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ssh_errors.broken(self.target, error) from error

    def first_bytes(self, command: str, count: int) -> bytes:
        """Given a command that waits for its input, return the first bytes it writes by itself, at most `count`."""
        found = b''
        try:
            with self.transport.open_session(timeout=self.limit.left()) as channel:
                channel.settimeout(self.limit.left())
                channel.exec_command(command)  # nosec B601 -- commands of ours, every word of a user quoted
                while len(found) < count and (chunk := channel.recv(count - len(found))):
                    found += chunk
                    channel.settimeout(self.limit.left())
        except TimeoutError:
            pass  # it waits for us; what came is what we wanted to know
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ssh_errors.broken(self.target, error) from error
        return found

    def latency_ms(self) -> float:
        """Return how long one question and its answer take: opening a channel."""
        began = time.monotonic()
        try:
            self.transport.open_session(timeout=self.limit.left()).close()
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ssh_errors.broken(self.target, error) from error
        return (time.monotonic() - began) * 1000

    def _read(self, channel: paramiko.Channel, receive: Callable[[int], bytes]) -> bytes:
        found = b''
        while len(found) < MOST_BYTES:
            channel.settimeout(self.limit.left())
            chunk = receive(MOST_BYTES - len(found))
            if not chunk:
                break
            found += chunk
        return found


@contextmanager
def login(target: Target, keys: Keys, timeout_s: float) -> Iterator[Login]:
    """Given a target, yield a login. An unpinned host key is accepted (its line is in the login), another one is not.

    Raise HostKeyChanged, or ClientError with the cause: dns, refused, timeout, network_unreachable, auth, …
    """
    limit = TimeLimit(timeout_s, len(target.chain))
    with ExitStack() as stack:
        transport = _reach(target, keys, limit, stack)
        host_key_line = _checked_host_key(target, keys, transport)
        _authenticate(target, keys, transport, limit)
        yield Login(target=target, transport=transport, host_key_line=host_key_line, limit=limit)


def read_host_key(target: Target, keys: Keys, timeout_s: float) -> str:
    """Given a target, return the host key it shows now as `type key`, whatever is pinned, without logging in to it."""
    with ExitStack() as stack:
        return _shown_host_key(_reach(target, keys, TimeLimit(timeout_s, len(target.chain)), stack))


def knock(target: Target, timeout_s: float = 15) -> None:
    """Given a target, look whether somebody listens on its port, or on that of the first machine to jump over.

    Raise ClientError: dns, refused, timeout, network_unreachable, unreachable.
    """
    first = target
    while first.jump:
        first = first.jump
    _connect(first, TimeLimit(timeout_s, 1)).close()


def _reach(target: Target, keys: Keys, limit: TimeLimit, stack: ExitStack) -> paramiko.Transport:
    """Return a transport to the target that has shown its host key, after logging in to every machine before it."""
    if target.jump is None:
        link: socket.socket | paramiko.Channel = _connect(target, limit)
    else:
        link = _link_over_jump(target.jump, target, keys, limit, stack)
    stack.callback(link.close)
    try:
        transport = paramiko.Transport(link)
        stack.callback(transport.close)
        transport.set_log_channel(quiet.name)
        # start_client has the shorter limit, so that its end alone means timeout.
        transport.banner_timeout = transport.handshake_timeout = limit.step_s + 5
        transport.get_security_options().key_types = _key_types(target.pinned(keys), transport)
        transport.start_client(timeout=limit.left())
        _shown_host_key(transport)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise ssh_errors.no_handshake(target, error) from error
    return transport


def _link_over_jump(
    jump: Target, target: Target, keys: Keys, limit: TimeLimit, stack: ExitStack
) -> paramiko.Channel:
    transport = _reach(jump, keys, limit, stack)
    if not jump.pinned(keys):
        raise ssh_errors.jump_unknown(jump)
    _checked_host_key(jump, keys, transport)
    _authenticate(jump, keys, transport, limit)
    try:
        address = (target.host, target.port)
        return transport.open_channel('direct-tcpip', address, ('127.0.0.1', 0), timeout=limit.left())
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise ssh_errors.no_way_through(jump, target, error) from error


def _connect(target: Target, limit: TimeLimit) -> socket.socket:
    failure: OSError = TimeoutError()
    for family, kind, protocol, _, address in _addresses(target, limit):
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(limit.left())
            link.connect(address)
        except OSError as error:
            link.close()
            failure = error
        else:
            return link
    raise ssh_errors.unreachable(target, failure)


def _addresses(target: Target, limit: TimeLimit) -> ADDRESSES:
    # The resolver has its own idea of time: it is asked in a thread that may be left behind.
    answers: SimpleQueue[ADDRESSES | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(
                error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error))
            )

    threading.Thread(target=ask, name='plumbus-resolver', daemon=True).start()
    try:
        answer = answers.get(timeout=limit.left())
    except Empty:
        answer = socket.gaierror(socket.EAI_AGAIN, 'no answer')
    if isinstance(answer, OSError):
        raise ssh_errors.unreachable(target, answer)
    return answer


def _key_types(pinned: str | None, transport: paramiko.Transport) -> tuple[str, ...]:
    """The type of the pinned key first, since a machine has several keys and shows the one that is asked for."""
    known = tuple(transport.get_security_options().key_types)
    kind = (pinned or '').partition(' ')[0]
    first = RSA if kind == 'ssh-rsa' else (kind,)
    return tuple(name for name in first if name in known) + tuple(name for name in known if name not in first)


def _shown_host_key(transport: paramiko.Transport) -> str:
    key = transport.get_remote_server_key()
    return f'{key.get_name()} {key.get_base64()}'


def _checked_host_key(target: Target, keys: Keys, transport: paramiko.Transport) -> str:
    pinned, shown = target.pinned(keys), _shown_host_key(transport)
    trusted = pinned.split()[:2] == shown.split() if pinned else target.expected in {None, fingerprint(shown)}
    if not trusted:
        raise HostKeyChanged(
            f'{target.host} shows another host key than before: {fingerprint(shown)}.',
            'If the machine was installed anew, trust the new key on the page of the client. If not, someone else may '
            'be answering in its place: do not trust it.',
            fingerprint(shown),
        )
    return shown


def _authenticate(target: Target, keys: Keys, transport: paramiko.Transport, limit: TimeLimit) -> None:
    # Everything of ours is looked at first: its mistakes are not the machine's.
    key = None if target.auth_method == 'password' else load_private_key(target, keys)
    password = require_password(target) if key is None else ''
    try:
        transport.auth_timeout = limit.left()
        if key is not None:
            further = transport.auth_publickey(target.username, key)
        else:
            further = transport.auth_password(target.username, password)
    except paramiko.AuthenticationException as error:
        raise ssh_errors.refused_login(target, error) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise ssh_errors.broken(target, error) from error
    if further:
        raise ClientError(
            f'{target.host} wants more than one proof from {target.username}.',
            'Allow this login with a key alone (AuthenticationMethods in sshd_config over there).',
            'auth',
        )

"""Says in plain words why no login came about. Pure; the counterpart of outcome.py for what paramiko raises."""

import errno
import socket

import paramiko

from plumbus.errors import ClientError
from plumbus.transfer.target import Target

NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}


def unreachable(target: Target, error: OSError) -> ClientError:
    """Given why no connection to the machine's port came about, return what a user is told."""
    where = f'{target.host} port {target.port}'
    if isinstance(error, socket.gaierror):
        return _unknown_name(target, error)
    if isinstance(error, ConnectionRefusedError):
        return ClientError(
            f'{target.host} is there, but nothing listens on its port {target.port}.',
            'Start the SSH server over there (sudo systemctl enable --now ssh), or correct the port.',
            'refused',
        )
    if isinstance(error, TimeoutError):
        return ClientError(
            f'{where} does not answer.',
            'Check that the machine is switched on and in the network, and that no firewall drops the port.',
            'timeout',
        )
    if error.errno in NO_ROUTE:
        return ClientError(
            f'There is no route to {where}.',
            'Check the address, and the network of both machines.',
            'network_unreachable',
        )
    reason = error.strerror or type(error).__name__
    return ClientError(
        f'{where} cannot be reached: {reason}.', 'Check the address and the network.', 'unreachable'
    )


def no_handshake(target: Target, error: Exception) -> ClientError:
    """Given why the machine and we did not come to terms, return what a user is told."""
    where = f'{target.host} port {target.port}'
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return ClientError(
            f'The SSH server of {target.host} knows only methods that are no longer safe.',
            'Update OpenSSH over there.',
            'protocol',
        )
    if isinstance(error, TimeoutError) or 'existing session' in str(
        error
    ):  # start_client's way to say timeout
        return ClientError(
            f'{where} took the connection, but its SSH server does not answer.',
            'Check that an SSH server listens on that port, and how busy the machine is.',
            'timeout',
        )
    return ClientError(
        f'{where} does not speak SSH, or closed the connection at once.',
        'Check the port; if it is right, look for fail2ban, hosts.deny or MaxStartups over there.',
        'protocol',
    )


def broken(target: Target, error: Exception) -> ClientError:
    """Given what ended a connection that stood, return what a user is told."""
    if isinstance(error, TimeoutError) or 'imeout' in str(error):
        return ClientError(
            f'{target.host} stopped answering.', 'Check the network, and how busy the machine is.', 'timeout'
        )
    return ClientError(
        f'{target.host} ended the connection.', 'Look into the log of its SSH server (journalctl -u ssh).', 'connection_lost'
    )  # fmt: skip


def refused_login(target: Target, error: paramiko.AuthenticationException) -> ClientError:
    """Given a refused login, return what a user is told; a key and a password have remedies of their own."""
    if 'timeout' in str(error).lower() or 'EOF' in str(error):
        return broken(target, TimeoutError() if 'timeout' in str(error).lower() else error)
    who = f'{target.username} on {target.host}'
    allowed = error.allowed_types if isinstance(error, paramiko.BadAuthenticationType) else None
    return (
        _refused_password(who, allowed)
        if target.auth_method == 'password'
        else _refused_key(target, who, allowed)
    )


def jump_unknown(jump: Target) -> ClientError:
    """Given a machine to jump over that has no pinned host key, return what a user is told."""
    return ClientError(
        f'The host key of {jump.host}, the machine to jump over, is not known yet.',
        'Test the connection of that client first.',
        'host_key_unknown',
    )


def no_way_through(jump: Target, target: Target, error: Exception) -> ClientError:
    """Given why a machine to jump over does not reach the next one, return what a user is told."""
    if isinstance(error, paramiko.ChannelException) and error.code == 1:
        return ClientError(
            f'{jump.host} does not let {jump.username} jump over it.',
            'Allow it over there: AllowTcpForwarding yes in sshd_config, and no "restrict" at the key.',
            'jump',
        )
    return ClientError(
        f'{jump.host} cannot reach {target.host} port {target.port}.',
        f'Check that the machine is on, and that {jump.host} knows it by this name or address.',
        'jump',
    )


def _unknown_name(target: Target, error: socket.gaierror) -> ClientError:
    if error.errno == socket.EAI_AGAIN:
        return ClientError(
            f'The name {target.host} cannot be looked up now: no name server answers.',
            'Check the network of the PLUMBUS server, or use the IP address.',
            'dns',
        )
    return ClientError(
        f'The name {target.host} is not known.',
        'Correct it, or use the IP address; names ending in .local need mDNS on the PLUMBUS server.',
        'dns',
    )


def _refused_password(who: str, allowed: list[str] | None) -> ClientError:
    if allowed is not None and not {'password', 'keyboard-interactive'} & set(allowed):
        return ClientError(
            f'The machine takes no passwords from {who}.',
            "Use a key: add PLUMBUS's public key to ~/.ssh/authorized_keys over there (Settings shows the command).",
            'auth',
        )
    return ClientError(
        f'The password was refused for {who}.',
        'Correct the user name or the password. Mind that root may often log in with a key only (PermitRootLogin).',
        'auth',
    )


def _refused_key(target: Target, who: str, allowed: list[str] | None) -> ClientError:
    if allowed is not None and 'publickey' not in allowed:
        return ClientError(
            f'The machine takes no keys from {who}.',
            'Allow them over there (PubkeyAuthentication yes in sshd_config), or use a password.',
            'auth',
        )
    if target.private_key or target.key_path:
        remedy = 'Add its public half to ~/.ssh/authorized_keys of that user, or give the client another key.'
        return ClientError(f'The key of this client was refused for {who}.', remedy, 'auth')
    return ClientError(
        f"PLUMBUS's key was refused for {who}.",
        'Install it: with the password once on the page of the client, or with the command that Settings shows. '
        'If it is there, check that ~ and ~/.ssh over there are writable by that user alone.',
        'auth',
    )

"""A network between PLUMBUS and a client: a TCP relay that is cut, falls silent, or leads to another machine."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

HOST = '127.0.0.1'
TICK_S = 0.05
CHUNK = 65536
RESET = b'\1\0\0\0\0\0\0\0'  # linger for no time (socket(7)): closing sends a reset, as a machine that restarts does


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a connection once that many bytes have come from the client: 'cut', 'end' or 'stall'. `port`: where it leads."""

    after: int | None = None
    how: str = 'cut'
    port: int | None = None


@dataclass(slots=True)
class Relay:
    """`fates` are those of the next connections, in their order; further ones are left alone."""

    port_behind: int
    fates: list[Fate] = field(default_factory=list)
    port: int = 0
    _listener: socket.socket | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(TICK_S)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Be gone, like a machine that is switched off: nobody listens there any more."""
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        if self._listener:
            self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = listener.accept()
                self._start(self._join, near, self.fates.pop(0) if self.fates else Fate())

    def _join(self, near: socket.socket, fate: Fate) -> None:
        with near, socket.create_connection((HOST, fate.port or self.port_behind)) as far:
            left = self._pass_on(near, far, fate.after)
            if left == 0 and fate.how == 'stall':
                self._closing.wait()
            elif left == 0 and fate.how == 'cut':
                for one in (near, far):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _pass_on(self, near: socket.socket, far: socket.socket, left: int | None) -> int | None:
        """Pass on bytes until that many have come from the far side; return how many of them are left at the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while left != 0 and not self._closing.is_set():
                for key, _ in selector.select(TICK_S):
                    back = key.data is near
                    try:
                        chunk = key.fileobj.recv(min(CHUNK, left) if back and left else CHUNK)  # type: ignore[union-attr]
                        key.data.sendall(chunk)
                    except OSError:
                        return left
                    if not chunk:
                        return left
                    left = left - len(chunk) if back and left else left
        return left

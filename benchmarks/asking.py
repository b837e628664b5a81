"""Asks a server at a steady rate and tells how long each answer took: a process of its own, which costs the machine little.

usage: python -m benchmarks.asking PORT TOKEN RATE SECONDS ADDRESS...     (prints a JSON array of seconds, in the order of requests)
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

from benchmarks.arguments import parser

CONNECTIONS = 32
GET = 'GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n'
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(port: int, token: str, rate: float, seconds: float, addresses: Sequence[str]) -> list[float]:
    """Send each request when it is due, however slow others are. Return the seconds from then until its answer was there."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection('127.0.0.1', port))
    requests = [GET.format(address, token).encode() for address in addresses]
    began = time.monotonic()

    async def answered(number: int) -> float:
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        connection = await free.get()
        await _exchange(connection, requests[number % len(requests)])
        free.put_nowait(connection)
        return time.monotonic() - due

    return list(await asyncio.gather(*map(answered, range(int(rate * seconds)))))


async def _exchange(connection: Connection, request: bytes) -> None:
    reader, writer = connection
    writer.write(request)
    head = (await reader.readuntil(b'\r\n\r\n')).lower()
    if b' 200 ' not in head.partition(b'\r\n')[0]:
        raise RuntimeError(f'The server answered {head[:100]!r}')
    _, chunked, _ = head.partition(b'transfer-encoding: chunked')
    if not chunked:
        await reader.readexactly(int(head.partition(b'content-length: ')[2].partition(b'\r\n')[0]))
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readline()


def main() -> None:
    """Do what the command line says."""
    arguments = parser(__doc__)
    for name, kind in (('port', int), ('token', str), ('rate', float), ('seconds', float)):
        arguments.add_argument(name, type=kind)
    arguments.add_argument('addresses', nargs='+')
    given = arguments.parse_args()
    taken = asyncio.run(ask(given.port, given.token, given.rate, given.seconds, given.addresses))
    sys.stdout.write(json.dumps(taken))


if __name__ == '__main__':
    main()

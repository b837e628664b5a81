#!/usr/bin/python3
"""A lying rsync for a sample client: the real one's stream, changed on its way. It runs there, so it imports nothing of ours.

`liar.json` beside it tells for each connection (the last entry for all further ones) what to do:
`replace`: pairs of latin-1 texts of one length, exchanged in what the sender says;
`say`: lines told as if the sender's rsync had printed them on our stdout, `shout`: on our stderr;
`forever`: one such line, repeated without end; `then`: 'silence' or 'noise' instead of the rest.
"""

import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RSYNC = next(
    path for path in ('/usr/bin/rsync', '/usr/local/bin/rsync', '/bin/rsync') if os.path.exists(path)
)
FRAME, DATA, INFO, ERROR = 7, 0, 2, 3  # rsync.h: MPLEX_BASE, enum msgcode
MOST = 4000  # longer messages than about 5 KB end the connection (io.c)


def main():
    if '--server' not in sys.argv:
        os.execv(RSYNC, ['rsync', *sys.argv[1:]])
    plan = orders()
    child = subprocess.Popen([RSYNC, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    threading.Thread(target=pass_on, args=(child,), daemon=True).start()
    with open(1, 'wb', buffering=0) as out:
        begin(child.stdout, out)
        misbehave(out, plan)
        speak(child.stdout, out, plan.get('replace', ()))
        os._exit(child.wait())


def orders():
    with open(os.path.join(HERE, 'liar.json')) as file:
        plans = json.load(file)
    counter = os.path.join(HERE, 'count')
    with open(counter, 'a+') as file:
        number = file.tell()
        file.write('x')
    return plans[min(number, len(plans) - 1)]


def pass_on(child):
    while chunk := os.read(0, 65536):
        child.stdin.write(chunk)
    child.stdin.close()


def begin(source, out):
    """What comes before the first frame is passed on as it is: version, flags, names of checksums, seed (compat.c)."""
    out.write(exactly(source, 4))
    flags = varint(source, out)
    if flags & 0x80:  # CF_VARINT_FLIST_FLAGS: the names of checksums follow
        names = exactly(source, 1)
        out.write(names)
        length = names[0]
        if length & 0x80:
            more = exactly(source, 1)
            out.write(more)
            length = (length & 0x7F) * 256 + more[0]
        out.write(exactly(source, length))
    out.write(exactly(source, 4))


def misbehave(out, plan):
    for code, key in ((INFO, 'say'), (ERROR, 'shout')):
        for line in plan.get(key, ()):
            send(out, code, line.encode('latin-1') + b'\n')
    if plan.get('then') == 'silence':
        time.sleep(1000)
    while plan.get('then') == 'noise':
        out.write(os.urandom(65536))
    if plan.get('forever'):
        line = plan['forever'].encode('latin-1') + b'\n'
        block = line * max(1, MOST // len(line))
        while True:
            send(out, INFO, block)


def speak(source, out, lies):
    while header := source.read(4):
        number = int.from_bytes(header + exactly(source, 4 - len(header)), 'little')
        payload = exactly(source, number & 0xFFFFFF)
        for old, new in lies:
            payload = payload.replace(old.encode('latin-1'), new.encode('latin-1'))
        send(out, (number >> 24) - FRAME, payload)


def send(out, code, payload):
    parts = (
        [payload]
        if code == DATA or not payload
        else [payload[at : at + MOST] for at in range(0, len(payload), MOST)]
    )
    for part in parts:
        frame = ((FRAME + code << 24) + len(part)).to_bytes(4, 'little') + part
        while frame:
            frame = frame[out.write(frame) :]


def varint(source, out):
    first = exactly(source, 1)
    extra = 0
    while first[0] << extra & 0x80:
        extra += 1
    rest = exactly(source, extra)
    out.write(first + rest)
    low = int.from_bytes(rest, 'little')
    return low | (first[0] & (0xFF >> extra + 1)) << 8 * extra if extra else first[0]


def exactly(source, count):
    found = b''
    while len(found) < count:
        chunk = source.read(count - len(found))
        if not chunk:
            os._exit(12)
        found += chunk
    return found


if __name__ == '__main__':
    main()

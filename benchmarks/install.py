"""Installs by apt what PLUMBUS is compared with, and says what could not be installed.

usage: .venv/bin/python -m benchmarks.install    (as root; without it, it only says what is missing)
"""

import os
import shutil
import subprocess

from benchmarks.contenders import CONTENDERS
from benchmarks.contenders.base import Contender

LIMIT_S = 600
QUIET = {'DEBIAN_FRONTEND': 'noninteractive'}
INSTALL = ['apt-get', '-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '-q', '--no-install-recommends']


def installed(kind: type[Contender]) -> str:
    """Install a contender if need be, and return what to say of it."""
    if kind.available():
        return 'is there'
    if os.geteuid() or not shutil.which('apt-get'):
        return f'is not there: install {" ".join(kind.packages)}'
    try:
        done = subprocess.run(
            [*INSTALL, *kind.packages], env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 'could not be installed: apt-get takes too long'
    if done.returncode or not kind.available():
        return f'could not be installed: {(done.stderr.strip().splitlines() or ["apt-get failed"])[-1]}'
    return 'was installed'


def main() -> None:
    """Go through all contenders."""
    for kind in CONTENDERS:
        print(f'{kind.name:14} {installed(kind)}', flush=True)


if __name__ == '__main__':
    main()

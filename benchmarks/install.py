"""Installs by apt what PLUMBUS is compared with, and says what could not be installed.

usage: .venv/bin/python -m benchmarks.install    (as root; without it, it only says what is missing)
"""

import os
import shutil

from benchmarks.arguments import no_arguments
from benchmarks.contenders import CONTENDERS
from benchmarks.contenders.base import Contender


def installed(kind: type[Contender]) -> str:
    """Install a contender if need be, and return what to say of it."""
    if kind.available():
        return 'is there'
    if os.geteuid() or not shutil.which('apt-get'):
        return f'is not there: install {" ".join(kind.packages)}'
    try:
        kind.install()
    except (RuntimeError, OSError) as error:
        return f'could not be installed: {str(error).strip().splitlines()[-1]}'
    return 'was installed' if kind.available() else 'could not be installed'


def main() -> None:
    """Go through all contenders."""
    no_arguments(__doc__)
    for kind in CONTENDERS:
        print(f'{kind.name:14} {installed(kind)}', flush=True)


if __name__ == '__main__':
    main()

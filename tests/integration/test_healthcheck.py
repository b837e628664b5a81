"""The container's health check: well, unwell and not there, with http and https."""

import os
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.certificates import write_certificate
from tests.support.served import ROOT, Served


def ask(url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {'PLUMBUS_PORT': str(urlsplit(url).port), **settings}
    return subprocess.run(
        [sys.executable, '-m', 'plumbus.healthcheck'], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_it_tells_whether_the_server_is_well(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        assert ask(served.url).returncode == 0
        (served.data / 'db').rename(served.data / 'db away')
        (served.data / 'db').write_text('no folder')
        unwell = ask(served.url)
        assert unwell.returncode == 1
        assert '"success":false' in unwell.stderr
    gone = ask(served.url)
    assert (gone.returncode, 'PLUMBUS does not answer' in gone.stderr) == (1, True)


def test_it_asks_over_https_where_the_server_speaks_that(tmp_path: Path) -> None:
    named = write_certificate(tmp_path, '127.0.0.1')
    trusted = ssl.create_default_context(cafile=named['PLUMBUS_TLS_CERT'])
    trusted.check_hostname = False
    with Served(tmp_path, verify=trusted, **named) as served:
        assert ask(served.url, **named).returncode == 0

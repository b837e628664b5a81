"""`python -m plumbus.healthcheck`: asks the server of this container whether it is well. Imports little, for it runs often."""

import os
import ssl
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 5


def address(environment: dict[str, str]) -> str:
    """Given the environment of the server, return where it answers on this machine."""
    scheme = 'https' if environment.get('PLUMBUS_TLS_CERT') else 'http'
    return f'{scheme}://127.0.0.1:{environment.get("PLUMBUS_PORT") or 5000}/api/health'


def main() -> int:
    """Return 0 if it is well, else 1 with its own words on stderr."""
    # Its certificate is that of a name, not of this address; nothing secret is sent, and what answers is on this machine.
    trusting = ssl._create_unverified_context()  # noqa: S323 # nosec B323 -- see above
    try:
        with urllib.request.urlopen(address(dict(os.environ)), timeout=TIMEOUT_S, context=trusting):  # noqa: S310 # nosec B310 -- our scheme
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(error.read(2000).decode(errors='replace') + '\n')
    except OSError as error:
        sys.stderr.write(f'PLUMBUS does not answer: {error}\n')
    return 1


if __name__ == '__main__':
    sys.exit(main())

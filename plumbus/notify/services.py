"""Apprise, and the words for what it says. Loaded only when a target is there: it takes half a second and some memory."""

import logging
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

from plumbus.errors import InvalidInput
from plumbus.notify.attempt import Attempts, NotDelivered

LIMIT_S = 30.0
LONGEST_REASON = 300
Tone = Literal['info', 'success', 'warning', 'failure']
NOT_KNOWN = 'is no URL of a service that Apprise knows, or lacks a part; see docs/notifications.md'
# What the library underneath says, and what it means. The first that fits is told.
CAUSES = (
    (r'Connection refused', 'the machine refused the connection'),
    (r'Name or service not known|name resolution|NameResolution|nodename nor servname|No address associated', 'its name is not known'),
    (r'timed out|Timeout', 'it did not answer in time'),
    (r'certificate verify failed|CERTIFICATE_VERIFY_FAILED', 'its certificate is not trusted here'),
    (r'No route to host|Network is unreachable', 'it cannot be reached from here'),
    (r'Authentication|auth.*fail|\b(535|401|403)\b|Unauthorized|Forbidden', 'it refused the login or the token'),
    (r'\b404\b|Not Found', 'it does not know that address (404)'),
    (r'\b429\b|Too Many', 'it takes no more messages for now (429)'),
    (r'\b(?:error=|code[ =:]+)?(50\d)\b', 'it has a trouble of its own'),
)  # fmt: skip
REMEDY = 'Check the URL of this target, and whether the service can be reached from the PLUMBUS server.'


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What may be told of a URL."""

    name: str
    url_shown: str


class Sender(Protocol):
    """Brings a message to where a URL says."""

    def describe(self, url: str) -> Service: ...
    def send(self, url: str, title: str, body: str, tone: Tone) -> None: ...


class AppriseSender:
    """Every call ends within its time limit."""

    def __init__(self, attempts: Attempts, limit_s: float = LIMIT_S) -> None:
        self._attempts = attempts
        self._limit_s = limit_s

    def describe(self, url: str) -> Service:
        """Given a URL, return what may be told of it. Raise InvalidInput if Apprise cannot use it."""
        plugin = _instance(url)
        if plugin is None:
            raise InvalidInput({'url': NOT_KNOWN})
        schema = url.partition('://')[0].lower()
        return Service(name=str(plugin.service_name), url_shown=f'{schema}://…')

    def send(self, url: str, title: str, body: str, tone: Tone) -> None:
        """Given a message, deliver it. Raise NotDelivered with the reason in plain words."""
        self._attempts.within(self._limit_s, lambda: _notify(url, title, body, tone))


class Overheard(logging.Handler):
    """Collects what Apprise logs while it sends; of two messages at once each hears both, for Apprise has threads of its own."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())


def _notify(url: str, title: str, body: str, tone: Tone) -> None:
    plugin = _instance(url)
    if plugin is None:
        raise NotDelivered('Apprise cannot use the URL of this target.', 'Enter it again.', permanent=True)
    log, overheard = _quiet_log(), Overheard()
    log.addHandler(overheard)
    try:
        carrier = import_module('apprise').Apprise(asset=plugin.asset)
        carrier.add(plugin)
        delivered = bool(carrier.notify(title=title, body=body, notify_type=tone, body_format='text'))
    except Exception as error:  # noqa: BLE001  any plugin of Apprise may raise anything
        overheard.lines.append(f'{type(error).__name__}: {error}')
        delivered = False
    finally:
        log.removeHandler(overheard)
    if not delivered:
        raise NotDelivered(
            f'{plugin.service_name} did not take the message: {reason(overheard.lines)}.', REMEDY
        )


def reason(lines: list[str]) -> str:
    """Given what was overheard, return why it failed, in plain words and without anything of the URL."""
    text = '\n'.join(lines)
    for pattern, words in CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return words
    return 'it did not say why'


def _instance(url: str) -> Any:
    apprise = import_module('apprise')
    _quiet_log()  # after the import, which sets up a logger of its own
    # No pictures from elsewhere in messages; a service that forwards us to another address is not followed.
    asset = apprise.AppriseAsset(
        app_id='PLUMBUS', app_desc='PLUMBUS', app_url='', image_url_mask='', image_url_logo='', async_mode=False,
        http_redirects=False,
    )  # fmt: skip
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _quiet_log() -> logging.Logger:
    """What Apprise logs holds URLs with their secrets: it goes nowhere but to the one who sends."""
    log = logging.getLogger('apprise')
    log.propagate = False
    log.setLevel(logging.DEBUG)
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log

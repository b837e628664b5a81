"""Common services, what each needs to know, and the Apprise URL that comes of it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from plumbus.errors import InvalidInput

Values = Mapping[str, str]
KEEP, OTHER = 'keep', 'other'


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One thing that a service needs to know."""

    name: str
    label: str
    hint: str = ''
    placeholder: str = ''
    secret: bool = False
    optional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceForm:
    """A service by its name, what it asks, and how that becomes a URL."""

    name: str
    asks: tuple[Ask, ...]
    url: Callable[[Values], str]


def url_of(service: str, values: Values) -> str:
    """Given a service and what was entered, return its URL. Raise InvalidInput naming what is missing."""
    form = SERVICES[service]
    missing = {ask.name: 'is needed' for ask in form.asks if not ask.optional and not values.get(ask.name)}
    if missing:
        raise InvalidInput(missing)
    return form.url({ask.name: values.get(ask.name) or '' for ask in form.asks})


def _text(text: str) -> str:
    return quote(text, safe='')


def _place(address: str, name: str, plain: str, secured: str) -> str:
    """Given the address of a server as a browser takes it, return it with the schema of a service."""
    parts = urlsplit(address if '://' in address else f'https://{address}')
    if parts.scheme not in {'http', 'https'} or not parts.hostname:
        raise InvalidInput({name: 'must be an address like https://ntfy.example.com'})
    query = f'?{parts.query}' if parts.query else ''
    return f'{secured if parts.scheme == "https" else plain}://{parts.netloc}{parts.path.rstrip("/")}{query}'


def _mail(given: Values) -> str:
    login = f'{_text(given["user"])}:{_text(given["password"])}@' if given['user'] else ''
    server = given['server'].strip().rstrip('/')
    schema = 'mailtos' if given['user'] else 'mailto'
    return f'{schema}://{login}{server}/?from={_text(given["from"])}&to={_text(given["to"])}'


def _hook(given: Values) -> str:
    return _place(given['address'], 'address', 'json', 'jsons')


SERVICES: Mapping[str, ServiceForm] = {
    'mail': ServiceForm(
        name='E-mail',
        asks=(
            Ask(name='to', label='To', placeholder='you@example.com'),
            Ask(name='from', label='From', placeholder='plumbus@example.com'),
            Ask(name='server', label='Mail server', hint='With :port if it is not the usual one', placeholder='smtp.example.com'),
            Ask(name='user', label='Login', hint='Empty: without login and encryption', optional=True),
            Ask(name='password', label='Password', secret=True, optional=True),
        ),
        url=_mail,
    ),
    'ntfy': ServiceForm(
        name='ntfy',
        asks=(
            Ask(name='server', label='ntfy server', placeholder='https://ntfy.sh'),
            Ask(name='topic', label='Topic', hint='Whoever knows it can read along', secret=True),
        ),
        url=lambda given: f'{_place(given["server"], "server", "ntfy", "ntfys")}/{_text(given["topic"])}',
    ),
    'telegram': ServiceForm(
        name='Telegram',
        asks=(
            Ask(name='token', label='Token of the bot', hint='BotFather tells it', secret=True),
            Ask(name='chat', label='Chat id', placeholder='123456789'),
        ),
        url=lambda given: f'tgram://{given["token"].strip()}/{_text(given["chat"])}/',
    ),
    'discord': ServiceForm(
        name='Discord',
        asks=(Ask(name='address', label='Webhook URL of Discord', placeholder='https://discord.com/api/webhooks/…', secret=True),),
        url=lambda given: given['address'],
    ),
    'slack': ServiceForm(
        name='Slack',
        asks=(Ask(name='address', label='Webhook URL of Slack', placeholder='https://hooks.slack.com/services/…', secret=True),),
        url=lambda given: given['address'],
    ),
    'gotify': ServiceForm(
        name='Gotify',
        asks=(
            Ask(name='server', label='Gotify server', placeholder='https://gotify.example.com'),
            Ask(name='token', label='Token of the Gotify application', secret=True),
        ),
        url=lambda given: f'{_place(given["server"], "server", "gotify", "gotifys")}/{_text(given["token"])}',
    ),
    'pushover': ServiceForm(
        name='Pushover',
        asks=(
            Ask(name='user', label='User key', secret=True),
            Ask(name='token', label='Token of the Pushover application', secret=True),
        ),
        url=lambda given: f'pover://{_text(given["user"])}@{_text(given["token"])}',
    ),
    'hook': ServiceForm(
        name='A webhook of your own',
        asks=(Ask(name='address', label='Address', hint='Gets JSON with title, message and type', placeholder='https://host.example.com/path'),),
        url=_hook,
    ),
    OTHER: ServiceForm(
        name='Another one, by its Apprise URL',
        asks=(Ask(name='address', label='Apprise URL', hint='More than a hundred services: see Notifications in the documentation', secret=True),),
        url=lambda given: given['address'],
    ),
}  # fmt: skip

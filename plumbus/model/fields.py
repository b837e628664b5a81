"""The types of single fields: what is refused here never reaches an ssh or rsync command line."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from plumbus.errors import InvalidInput

HOST = re.compile(r'(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_.:%-]*[A-Za-z0-9_])?\.?')
USERNAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.@\\$-]{0,127}')
LOGIN_NAME = re.compile(r'[a-z0-9][a-z0-9._@-]{0,63}')
FINGERPRINT = re.compile(r'SHA256:[A-Za-z0-9+/]{43}=?')
Model = TypeVar('Model', bound=BaseModel)


def has_control_characters(text: str) -> bool:
    """Whether the text holds a character below space, DEL, or half of a surrogate pair."""
    return any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF for char in text)


def printable(text: str) -> str:
    """Given text, return it. Raise ValueError if it holds control characters."""
    if has_control_characters(text):
        raise ValueError('must not hold control characters')
    return text


def _storable(text: str) -> str:
    if '\0' in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError('must be plain text')
    return text


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise ValueError('must be a host name or an IP address, like pi.local or 192.168.1.20')
    return text


def _username(text: str) -> str:
    if not USERNAME.fullmatch(text):
        raise ValueError('must be a login name of the machine, like pi or root')
    return text


def _login_name(text: str) -> str:
    if not LOGIN_NAME.fullmatch(text):
        raise ValueError('must be 1 to 64 small letters, digits, dots, dashes, underscores or @, like ada')
    return text


def _absolute_path(text: str) -> str:
    """Given an absolute path, return it without `//`, `/./` and a slash at the end."""
    if not text.startswith('/'):
        raise ValueError('must be an absolute path, like /home/pi')
    parts = [part for part in text.split('/') if part not in {'', '.'}]
    if '..' in parts:
        raise ValueError('must not hold ..')
    if '\0' in text:
        raise ValueError('must not hold a NUL character')
    return '/' + '/'.join(parts)


def _exclude(text: str) -> str:
    # rsync reads "!" as "clear the list" in an exclude-from file (rsync(1), LIST-CLEARING FILTER RULE).
    if not text.strip() or has_control_characters(text):
        raise ValueError('must be a pattern like *.tmp or /home/pi/.cache')
    return text


def _fingerprint(text: str) -> str:
    if not FINGERPRINT.fullmatch(text):
        raise ValueError('must be a fingerprint like SHA256:… as ssh-keygen -l prints it')
    return text.rstrip('=')


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError('must be a whole number')
    return value


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError('must be addresses or networks, like 10.0.0.2 or 172.16.0.0/12') from None


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError('is not a known time zone; use one like Europe/Berlin')
    return text


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)
]
Host = Annotated[str, StringConstraints(strip_whitespace=True, max_length=253), AfterValidator(_host)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Id = Annotated[Whole, Field(ge=1, le=2**53)]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Username = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_username)]
LoginName = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_login_name)]
AbsolutePath = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_absolute_path)]
ExcludePattern = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_exclude)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Network = Annotated[str, StringConstraints(max_length=50), AfterValidator(_network)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Command = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4096), AfterValidator(_storable)]
Note = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_storable)]
PingUrl = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(printable)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=16384), AfterValidator(_storable)]


def checked(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """Given fields as a user sent them, return the checked model. Raise InvalidInput naming each wrong field."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput(explain(error)) from None


def explain(error: ValidationError) -> dict[str, str]:
    """Given a ValidationError, return {field: why} without the values, which may be secrets."""
    wrong: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(detail['loc'][0]) if detail['loc'] else 'body'
        wrong.setdefault(name, detail['msg'].removeprefix('Value error, '))
    return wrong

"""Settings: where they come from, and what is said of those that cannot be used."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from plumbus.config import Settings
from plumbus.model.fields import explain


def test_a_secret_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'token').write_text('from a file\n')
    monkeypatch.setenv('PLUMBUS_API_TOKEN_FILE', str(tmp_path / 'token'))
    settings = Settings(_env_file=None)
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == 'from a file'
    assert 'from a file' not in repr(settings)


@pytest.mark.parametrize(
    ('content', 'beside', 'why'),
    [
        (None, '', 'names a file that cannot be read: No such file or directory'),
        ('\n', '', 'names a file that is empty'),
        ('secret', 'another', 'is set, and secret_key too: leave one of them out'),
    ],
)
def test_it_tells_what_is_wrong_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, beside: str, why: str
) -> None:
    if content is not None:
        (tmp_path / 'key').write_text(content)
    monkeypatch.setenv('PLUMBUS_SECRET_KEY_FILE', str(tmp_path / 'key'))
    monkeypatch.setenv('PLUMBUS_SECRET_KEY', beside)
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None)
    assert explain(refused.value) == {'secret_key_file': why}

"""The description of the API is true: schemathesis asks every route what it says it takes, with and without a token."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from plumbus.api.application import create_api
from plumbus.api.security import OPEN_API, Gate
from plumbus.config import Settings
from tests.support.asgi import TOKEN
from tests.support.fake_engine import ScriptedEngine

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(
    max_examples=5, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope='module')
def api() -> Iterator[FastAPI]:
    """An API with a client, a job and a backup of number 1 behind it, that reaches no machine but this."""
    with tempfile.TemporaryDirectory(prefix='plumbus-schema-', ignore_cleanup_errors=True) as folder:
        engine = ScriptedEngine(Settings(_env_file=None, data_dir=Path(folder) / 'data', api_token=TOKEN))
        engine.start()
        client = engine.clients.create({'name': 'attic', 'host': '127.0.0.1', 'port': 1, 'username': 'pi'})
        job = engine.jobs.create({'client_id': client.id, 'name': 'home', 'source_paths': ['/home']})
        engine.backups.wait(engine.jobs.run(job.id).id, 60)
        yield create_api(engine, Gate(engine))
        engine.stop()


@pytest.fixture(scope='module')
def described(api: FastAPI) -> Any:
    loaded = schemathesis.openapi.from_dict(api.openapi())
    loaded.app = api
    return loaded


def test_what_is_sent_by_the_description_is_answered_by_it(described: Any) -> None:
    def ask(case: Any) -> None:
        answer = case.call(headers={'Authorization': f'Bearer {TOKEN}'})
        case.validate_response(answer, checks=CHECKS)

    every_operation(described, ask, examples=5)


def test_without_a_token_there_is_nothing(described: Any) -> None:
    def ask(case: Any) -> None:
        answer = case.call()
        if case.path not in OPEN_API:
            assert answer.status_code == 401, case.path
            assert answer.json()['success'] is False

    every_operation(described, ask, examples=2)


def every_operation(described: Any, ask: Callable[[Any], None], *, examples: int) -> None:
    """Ask every operation with made-up cases; tell all that fail at once."""
    wrong, count = [], 0
    for found in described.get_all_operations():
        operation = found.ok()
        try:
            seeded(6)(settings(FEW, max_examples=examples)(given(case=operation.as_strategy())(ask)))()
        except (AssertionError, FailureGroup) as error:
            wrong.append(f'{operation.label}: {error!s:.600}')
        count += 1
    assert count > 40
    assert not wrong, '\n\n'.join(wrong)

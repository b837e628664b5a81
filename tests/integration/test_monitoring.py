"""`python main.py` as those see it who watch over it: metrics that are open, and a log that programs read."""

from pathlib import Path

import orjson
from prometheus_client.parser import text_string_to_metric_families

from tests.support.served import Served

SECRET = 'a-token-that-nobody-may-see'


def test_metrics_are_open_where_that_is_set_and_each_line_of_the_log_is_an_object(tmp_path: Path) -> None:
    watched = {'PLUMBUS_METRICS_OPEN': '1', 'PLUMBUS_LOG_FORMAT': 'json', 'PLUMBUS_LOG_LEVEL': 'debug'}
    with Served(tmp_path, **watched) as plumbus:
        target = {'name': 'Dead', 'url': f'json://127.0.0.1:9/{SECRET}'}
        assert plumbus.api.post('/api/notifications', json=target).status_code == 201
        assert plumbus.api.post('/api/notifications/1/test').json()['success'] is False
        told = {
            sample.name: sample.value
            for family in text_string_to_metric_families(plumbus.http.get('/metrics').text)
            for sample in family.samples
        }
        assert told['plumbus_scheduler_alive'] == 1
        assert told['plumbus_store_write_seconds_count'] > 0
        assert plumbus.http.get('/api/jobs').status_code == 401
        assert plumbus.stop() == 0
        kept = (plumbus.data / 'logs' / 'plumbus.log').read_text()
        for text in (plumbus.text, kept):
            entries = [orjson.loads(line) for line in text.splitlines()]
            assert {'time', 'level', 'logger', 'message'} <= entries[0].keys()
            assert any('serves http://' in entry['message'] for entry in entries)
            assert SECRET not in text

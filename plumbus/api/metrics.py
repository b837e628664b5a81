"""The numbers for Prometheus."""

from fastapi import APIRouter
from fastapi.responses import Response

from plumbus.api.door import Door

router = APIRouter(tags=['System'])


@router.get('/metrics', response_class=Response, responses={200: {'content': {'text/plain': {}}}})
def get_metrics(engine: Door) -> Response:
    """Return everything that Prometheus may ask for, as text. Needs no token with PLUMBUS_METRICS_OPEN=1."""
    return Response(engine.metrics.text(), media_type=engine.metrics.content_type)

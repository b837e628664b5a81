"""Routes of notifications: who is told of what, and what became of each message."""

from fastapi import APIRouter

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.door import Door, Fields, Limit, Offset, in_thread
from plumbus.api.schemas import CreatedTarget, Done, body, problems
from plumbus.model import Delivery, DeliveryTest, NotificationSettingsView, NotificationTarget

router = APIRouter(prefix='/api/notifications', tags=['Notifications'])


@router.get('', response_model=list[NotificationTarget])
def list_targets(engine: Door) -> Answer:
    """List all targets of messages. Their URLs never come out."""
    targets = engine.notifications.all()
    return Answer(targets, headers={'X-Total-Count': str(len(targets))})


@router.post(
    '',
    status_code=201,
    response_model=CreatedTarget,
    responses=problems(400, 413, 422),
    openapi_extra=body('NotificationFields'),
)
async def create_target(engine: Door, fields: Fields) -> Answer:
    """Add a target: any URL that Apprise knows."""
    target = await in_thread(engine.notifications.create, fields)
    return Answer(flat(target, success=True, notification_id=target.id), 201)


@router.post(
    '/test',
    response_model=DeliveryTest,
    responses=problems(400, 413, 422),
    openapi_extra=body('NotificationFields'),
)
async def try_target(engine: Door, fields: Fields) -> Answer:
    """Send a test message to a URL that is not stored, and tell what became of it."""
    return Answer(await in_thread(engine.notifications.try_fields, fields))


@router.get('/deliveries', response_model=list[Delivery])
def list_deliveries(engine: Door, limit: Limit = 100, offset: Offset = 0) -> Answer:
    """List what was sent and what waits, newest first, with the reason where it did not arrive."""
    return listed(engine.notifications.deliveries(limit=limit, offset=offset))


@router.get('/settings', response_model=NotificationSettingsView)
def get_notification_settings(engine: Door) -> Answer:
    """Return how messages repeat and when the weekly report goes out."""
    return Answer(engine.notifications.settings())


@router.put(
    '/settings',
    response_model=NotificationSettingsView,
    responses=problems(400, 409, 413, 422),
    openapi_extra=body('NotificationSettingsChanges', required=False),
)
async def change_notification_settings(engine: Door, fields: Fields) -> Answer:
    """Change any of these settings. With a `revision` older than the stored one: 409."""
    return Answer(await in_thread(engine.notifications.change_settings, fields))


@router.get('/{notification_id:int}', response_model=NotificationTarget, responses=problems(404))
def get_target(engine: Door, notification_id: int) -> Answer:
    """Return one target."""
    return Answer(engine.notifications.get(notification_id))


@router.put(
    '/{notification_id:int}',
    response_model=CreatedTarget,
    responses=problems(400, 404, 409, 413, 422),
    openapi_extra=body('NotificationChanges', required=False),
)
async def update_target(engine: Door, notification_id: int, fields: Fields) -> Answer:
    """Change any of the fields; without a `url` the stored one stays. With a `revision` older than the stored one: 409."""
    target = await in_thread(engine.notifications.update, notification_id, fields)
    return Answer(flat(target, success=True, notification_id=target.id))


@router.delete('/{notification_id:int}', response_model=Done, responses=problems(404))
def delete_target(engine: Door, notification_id: int) -> Answer:
    """Forget a target and its URL."""
    engine.notifications.delete(notification_id)
    return Answer({'success': True})


@router.post('/{notification_id:int}/test', response_model=DeliveryTest, responses=problems(404))
def test_target(engine: Door, notification_id: int) -> Answer:
    """Send it a test message now and tell what became of it."""
    return Answer(engine.notifications.test(notification_id))

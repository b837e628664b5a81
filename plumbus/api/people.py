"""Routes of users, API tokens and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from plumbus.api.answers import Answer, flat, listed
from plumbus.api.door import Door, Fields, Limit, Offset, in_thread
from plumbus.api.schemas import CreatedToken, CreatedUser, Done, body, problems
from plumbus.model import AuditEntry
from plumbus.model.audit import Outcome
from plumbus.services.tokens import Token
from plumbus.services.users import User

router = APIRouter(prefix='/api', tags=['People'])
Word = Annotated[str, Query(max_length=200)]


@router.get('/tokens', response_model=list[Token])
def list_tokens(engine: Door) -> Answer:
    """List the API tokens, the newest first; never the text of one."""
    return Answer(engine.tokens.all())


@router.post(
    '/tokens', status_code=201, response_model=CreatedToken, responses=problems(400, 409, 413, 422),
    openapi_extra=body('TokenFields'),
)  # fmt: skip
async def create_token(engine: Door, fields: Fields) -> Answer:
    """Make a token. Its text, `token`, is in this answer and nowhere else ever."""
    made = await in_thread(engine.tokens.create, fields)
    return Answer(flat(made.token, success=True, token_id=made.token.id, token=made.text), 201)


@router.delete('/tokens/{token_id}', response_model=Done, responses=problems(404))
def delete_token(engine: Door, token_id: int) -> Answer:
    """End a token at once."""
    engine.tokens.delete(token_id)
    return Answer({'success': True})


@router.get('/users', response_model=list[User])
def list_users(engine: Door) -> Answer:
    """List everybody who can log in, by name."""
    return Answer(engine.users.all())


@router.post(
    '/users', status_code=201, response_model=CreatedUser, responses=problems(400, 409, 413, 422),
    openapi_extra=body('UserFields'),
)  # fmt: skip
async def create_user(engine: Door, fields: Fields) -> Answer:
    """Create a user with a role and a first password."""
    user = await in_thread(engine.users.create, fields)
    return Answer(flat(user, success=True, user_id=user.id), 201)


@router.get('/users/{user_id}', response_model=User, responses=problems(404))
def get_user(engine: Door, user_id: int) -> Answer:
    """Return one user."""
    return Answer(engine.users.get(user_id))


@router.put(
    '/users/{user_id}', response_model=CreatedUser, responses=problems(400, 404, 409, 413, 422),
    openapi_extra=body('UserChanges', required=False),
)  # fmt: skip
async def update_user(engine: Door, user_id: int, fields: Fields) -> Answer:
    """Change the role, set another password (which ends the user's logins)."""
    user = await in_thread(engine.users.update, user_id, fields)
    return Answer(flat(user, success=True, user_id=user.id))


@router.post('/users/{user_id}/reset-second-factor', response_model=Done, responses=problems(404))
def reset_second_factor(engine: Door, user_id: int) -> Answer:
    """For a user who has lost phone and recovery codes: the password alone is enough again, and the user's logins end."""
    engine.accounts.reset_second_factor(user_id)
    return Answer({'success': True})


@router.delete('/users/{user_id}', response_model=Done, responses=problems(404, 409))
def delete_user(engine: Door, user_id: int) -> Answer:
    """Delete a user, whose logins end. The last admin stays."""
    engine.users.delete(user_id)
    return Answer({'success': True})


@router.get('/audit', response_model=list[AuditEntry], responses=problems(422))
def list_audit(
    engine: Door,
    *,
    who: Word = '',
    action: Annotated[str, Query(max_length=100, examples=['job', 'job.run', 'login'])] = '',
    outcome: Outcome | None = None,
    search: Word = '',
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Answer:
    """Tell who did what, the newest first. The header X-Total-Count tells how many lines fit the filters."""
    page = engine.audit.page(
        who=who, action=action, outcome=outcome or '', search=search, since=since, until=until, limit=limit,
        offset=offset,
    )  # fmt: skip
    return listed(page)

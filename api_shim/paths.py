"""Whom and what the path of a request names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api_shim.errors import problem
from api_shim.schemas.common import MOST_ID_CHARACTERS, check_user_id
from workflows.recipients import USERS, Reference


def check_name(field: str, value: str) -> str:
    """Raises 422 for a name that is too long. A path has no empty ones."""
    if len(value) > MOST_ID_CHARACTERS:
        raise problem(field, f"must have at most {MOST_ID_CHARACTERS} characters")
    return value


async def _user(user_id: str) -> Reference:
    try:
        return Reference(USERS, check_user_id(user_id))
    except ValueError as error:
        raise problem("user_id", str(error)) from None


async def _object(collection: str, object_id: str) -> Reference:
    if collection == USERS:
        raise problem("collection", "must not be $users: users have paths of their own, /v1/users/{user_id}/…")
    return Reference(check_name("collection", collection), check_name("object_id", object_id))


async def _set_id(id: str) -> str:
    return check_name("id", id)


async def _key(key: str) -> str:
    return check_name("key", key)


UserOfPath = Annotated[Reference, Depends(_user)]
ObjectOfPath = Annotated[Reference, Depends(_object)]
SetOfPath = Annotated[str, Depends(_set_id)]
KeyOfPath = Annotated[str, Depends(_key)]

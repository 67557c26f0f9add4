"""What Census and Hightouch ask: JSON-RPC envelopes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api_shim.schemas.common import Answer


class RpcRequest(BaseModel):
    """Of any version; it is answered as 2.0."""

    jsonrpc: str
    id: Annotated[str, Field(max_length=256)]
    method: str
    params: dict[str, Any] | None = None


class RpcError(Answer):
    code: int
    message: str


class RpcResponse(Answer):
    """Either `result` or, where the protocol has one, `error` is there."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: str
    result: dict[str, Any] | None = None
    error: RpcError | None = None

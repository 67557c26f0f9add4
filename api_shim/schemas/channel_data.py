"""Channel data, in the form that a channel's provider understands (contract: ChannelDataRequest)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api_shim.schemas.common import Answer
from notify_workers.store.environments import Channel

ProviderName = Literal[
    "push_fcm",
    "push_apns",
    "push_aws_sns",
    "push_expo",
    "push_one_signal",
    "chat_slack",
    "chat_ms_teams",
    "chat_discord",
    "http_knock_webhook",
]


class ChannelData(Answer):
    """`provider` is there when it is one of those that the contract names."""

    typename: Literal["ChannelData"] = Field(alias="__typename")
    channel_id: UUID
    data: dict[str, Any]
    provider: ProviderName | None = None


class ChannelDataRequest(BaseModel):
    data: dict[str, Any]


def _uuid(value: str) -> str:
    UUID(value)
    return value


def _web(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("must start with https:// or http://")
    return value


Token = Annotated[str, Field(min_length=1, max_length=4096)]


class Device(BaseModel):
    token: Token
    locale: str | None = None
    timezone: str | None = None


class SnsDevice(BaseModel):
    target_arn: Token
    locale: str | None = None
    timezone: str | None = None


class PushData(BaseModel):
    """Tokens, or devices, which say more of each, or both."""

    tokens: list[Token] = []
    devices: list[Device] = []

    @model_validator(mode="after")
    def _says_something(self) -> PushData:
        if not self.model_fields_set:
            raise ValueError("must have tokens or devices")
        return self


class SnsData(BaseModel):
    target_arns: list[Token] = []
    devices: list[SnsDevice] = []

    @model_validator(mode="after")
    def _says_something(self) -> SnsData:
        if not self.model_fields_set:
            raise ValueError("must have target_arns or devices")
        return self


class OneSignalData(BaseModel):
    player_ids: list[Annotated[str, AfterValidator(_uuid)]]


class IncomingWebhook(BaseModel):
    url: Annotated[str, AfterValidator(_web), Field(max_length=4096)]


class Connection(BaseModel):
    """Where messages go, by any chat provider; what is not known of it is kept."""

    model_config = ConfigDict(extra="allow")

    incoming_webhook: IncomingWebhook | None = None


class SlackConnection(Connection):
    access_token: str | None = None
    channel_id: str | None = None
    channel_name: str | None = None
    user_id: str | None = None


class MsTeamsConnection(Connection):
    ms_teams_tenant_id: str | None = None
    ms_teams_team_id: str | None = None
    ms_teams_channel_id: str | None = None
    ms_teams_user_id: str | None = None


class DiscordConnection(Connection):
    channel_id: str | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> DiscordConnection:
        if self.channel_id is None and self.incoming_webhook is None:
            raise ValueError("must have a channel_id or an incoming_webhook")
        return self


class AccessToken(BaseModel):
    access_token: str | None


class SlackData(BaseModel):
    connections: list[SlackConnection]
    token: AccessToken | None = None


class MsTeamsData(BaseModel):
    connections: list[MsTeamsConnection]
    ms_teams_tenant_id: str | None = None


class DiscordData(BaseModel):
    connections: list[DiscordConnection]


class AnyConnection(SlackConnection, MsTeamsConnection):
    """Of a chat provider of no vendor's, such as the sandbox."""


class AnyChatData(BaseModel):
    connections: list[AnyConnection]
    token: AccessToken | None = None
    ms_teams_tenant_id: str | None = None


class AnyData(BaseModel):
    """Of a webhook: whatever its receiver wants."""

    model_config = ConfigDict(extra="allow")


PROVIDERS: dict[str, ProviderName] = {
    "fcm": "push_fcm",
    "apns": "push_apns",
    "aws_sns": "push_aws_sns",
    "sns": "push_aws_sns",
    "expo": "push_expo",
    "one_signal": "push_one_signal",
    "onesignal": "push_one_signal",
    "slack": "chat_slack",
    "ms_teams": "chat_ms_teams",
    "discord": "chat_discord",
    "knock_webhook": "http_knock_webhook",
}

_FORMS: dict[ProviderName, type[BaseModel]] = {
    "push_aws_sns": SnsData,
    "push_one_signal": OneSignalData,
    "chat_slack": SlackData,
    "chat_ms_teams": MsTeamsData,
    "chat_discord": DiscordData,
}


def provider_name(channel: Channel) -> ProviderName | None:
    """What the contract calls a channel's provider."""
    return PROVIDERS.get(channel.provider.removeprefix(f"{channel.type}_"))


def form_of(channel: Channel, data: Mapping[str, Any]) -> type[BaseModel]:
    """What a channel's data must look like; the sandbox takes what any provider of its type does."""
    name = provider_name(channel)
    if name in _FORMS:
        return _FORMS[name]
    if channel.type == "push":
        return _push_form(data) if name is None else PushData
    return AnyChatData if channel.type == "chat" else AnyData


def _push_form(data: Mapping[str, Any]) -> type[BaseModel]:
    if "player_ids" in data:
        return OneSignalData
    devices = data.get("devices")
    named = [each for each in devices if isinstance(each, dict)] if isinstance(devices, list) else []
    return SnsData if "target_arns" in data or any("target_arn" in each for each in named) else PushData


def stored(form: BaseModel) -> dict[str, Any]:
    """What was said, each token once."""
    said = form.model_dump(exclude_unset=True)
    for name in ("tokens", "target_arns", "player_ids"):
        if name in said and not isinstance(form, AnyData):
            said[name] = list(dict.fromkeys(said[name]))
    if "devices" in said and not isinstance(form, AnyData):
        said["devices"] = list({each.get("token") or each["target_arn"]: each for each in said["devices"]}.values())
    return said

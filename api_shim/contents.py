"""A message's content as the wire shows it, by channel type (contract: api-endpoints, `getMessageContents`)."""

from __future__ import annotations

from typing import Any, assert_never

from pydantic_core import to_json

from api_shim.schemas.messages import (
    ChatBlock,
    ChatTemplate,
    MessageChatContent,
    MessageContentOfType,
    MessageEmailContent,
    MessageInAppFeedContent,
    MessagePushContent,
    MessageSmsContent,
    MessageWebhookContent,
    QueryParam,
)
from workflows.content import Call, Chat, Content, Email, FeedItem, GuideContent, Push, Sms

SHOWN_HEADERS = frozenset({"accept", "accept-language", "content-language", "content-type", "user-agent"})
"""Headers of a webhook whose values cannot be secrets."""

HIDDEN = "•••"


def shown(content: Content) -> MessageContentOfType:
    """Without attachments."""
    match content:
        case Email():
            return _email(content)
        case Sms(to, body):
            return MessageSmsContent(to=to, body=body)
        case Push(token, title, body):
            return MessagePushContent(token=token, title=title, body=body, data=dict(content.overrides) or None)
        case Chat():
            return _chat(content)
        case FeedItem(blocks):
            return MessageInAppFeedContent(blocks=[dict(block) for block in blocks])
        case GuideContent(values):
            return MessageInAppFeedContent(blocks=[_block(name, value) for name, value in values.items()])
        case Call():
            return _webhook(content)
        case _:
            assert_never(content)


def _email(email: Email) -> MessageEmailContent:
    sender: dict[str, Any] = {"from": email.sender}
    return MessageEmailContent(
        to=email.to,
        **sender,
        cc=email.cc or None,
        bcc=email.bcc or None,
        reply_to=email.reply_to or None,
        subject_line=email.subject,
        html_body=email.html,
        text_body=email.text,
    )


def _chat(chat: Chat) -> MessageChatContent:
    body = ChatBlock(type="markdown", name="body", content=chat.markdown)
    template = ChatTemplate(
        blocks=[body] if chat.json_content is None else None,
        json_content=dict(chat.json_content) if chat.json_content is not None else None,
        summary=chat.summary or None,
    )
    return MessageChatContent(connection=dict(chat.connection), template=template)


def _block(name: str, value: Any) -> dict[str, Any]:
    """One field of a guide's content, as the contract has no shape for them: a block of text."""
    text = value if isinstance(value, str) else to_json(value).decode()
    return {"name": name, "type": "text", "content": text, "rendered": text}


def _webhook(call: Call) -> MessageWebhookContent:
    """Of headers that may hold a key only the name."""
    headers = {name: value if name.lower() in SHOWN_HEADERS else HIDDEN for name, value in call.headers.items()}
    params = [QueryParam(key=key, value=value) for key, value in call.query_params]
    return MessageWebhookContent(method=call.method, url=call.url, headers=headers, query_params=params, body=call.body)

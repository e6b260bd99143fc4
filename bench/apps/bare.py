"""The least that an ASGI server can do: read the body, answer 1 KiB. The floor that our own edge stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]

BODY = b"x" * 1024
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/xml;charset=UTF-8"), (b"content-length", b"1024")],
}
END = {"type": "http.response.body", "body": BODY}


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """Answer every request alike."""
    assert scope["type"] == "http"  # uvicorn is started with --lifespan off
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(END)

"""What both servers of the REST comparison serve: a bare application at /, FastAPI elsewhere."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

BODY = b'{"hello":"world"}'
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")],
}

api = FastAPI()


class Item(BaseModel):
    name: str
    count: int = 1


@api.get("/items/{item_id}")
async def read(item_id: int, q: str = "") -> dict[str, Any]:
    return {"item": item_id, "q": q}


@api.post("/items")
async def create(item: Item) -> Item:
    return Item(name=item.name, count=item.count + 1)


@api.get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http" and scope["path"] == "/":
        await send(HEAD)
        await send({"type": "http.response.body", "body": BODY})
    else:
        await api(scope, receive, send)

"""An ASGI application for uvicorn and hypercorn: a large answer, an upload, and the scheme."""


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    assert scope["scheme"] == "https"
    if scope["method"] == "POST":
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message.get("more_body", False)
        body = b"%d\n" % size
    else:
        body = b"l" * (1 << 20) if scope["path"] == "/large" else b"hello\n"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

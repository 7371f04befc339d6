"""A WSGI application for gunicorn, cheroot and werkzeug: a large answer, an upload, and the scheme."""


def application(environ, start_response):
    assert environ["wsgi.url_scheme"] == "https"
    if environ["REQUEST_METHOD"] == "POST":
        body = b"%d\n" % len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    else:
        body = b"l" * (1 << 20) if environ["PATH_INFO"] == "/large" else b"hello\n"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

"""A server of one archive that knows ranges and versions, and misbehaves where a path says so."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Served(http.server.ThreadingHTTPServer):
    """Serves `content` at every path; counts what it was asked for."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.version, self.break_after, self.slow = content, '"1"', 0, 0.0
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Served

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.server.content)

    def _answer(self, content: bytes) -> None:
        served, range_ = self.server, self.headers.get("Range")
        served.asked.append((self.command, range_ or "all"))
        if self.path.startswith("/absent"):
            self.send_error(404)
            return
        same = self.headers.get("If-Range") == served.version
        start = int(range_.removeprefix("bytes=").removesuffix("-")) if range_ and same else 0
        whole = len(served.content)
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/page") else "application/zip")
        self.send_header("Content-Length", str(whole - start))
        self.send_header("ETag", served.version)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.end_headers()
        time.sleep(served.slow)
        body = content[start:]
        self.wfile.write(body[: served.break_after] if served.break_after else body)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def serving(content: bytes) -> Iterator[Served]:
    """A server on this machine while the block lasts."""
    with Served(content) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield served
        served.shutdown()
        thread.join()

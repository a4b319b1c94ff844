import hashlib
import http.server
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest

from hilum.encoders.published import PublishedWeights, check, fetch, published_weights
from hilum.errors import HilumError

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several blocks


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; other paths misbehave, each in its own way."""

    ranges: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        type(self).ranges.append(asked or "all")
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/page":
            self._answer(200, b"<html>Please log in</html>", kind="text/html")
            return
        if self.path == "/stale" and asked:  # a server that knows no ranges sends everything
            self._answer(200, CONTENT)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        if self.path == "/breaks":
            self._answer(200, body[: len(body) // 2], length=len(body))
            return
        extra = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if asked else {}
        self._answer(206 if asked else 200, body, **extra)

    def _answer(
        self, status: int, body: bytes, kind: str = "application/octet-stream", length: int = -1, **headers: str
    ):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.ranges = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def row(url: str | None, **known: object) -> PublishedWeights:
    any_row = published_weights()["dinov2_vits14"]
    source = any_row.source.model_copy(update={"url": url, "file": "weights.pth", **known})
    return any_row.model_copy(update={"source": source})


def test_a_file_is_downloaded_checked_and_not_downloaded_again(server, tmp_path):
    reported: list[tuple[int, int, str]] = []
    wanted = row(f"{server}/file", sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    path = fetch(wanted, tmp_path / "weights", on_progress=lambda *expected: reported.append(expected))
    assert path == tmp_path / "weights" / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert reported[-1] == (3, 3, "weights.pth")
    assert fetch(wanted, tmp_path / "weights") == path
    assert Server.ranges == ["all"]
    assert [file.name for file in path.parent.iterdir()] == ["weights.pth"]


def test_a_download_that_broke_off_goes_on_where_it_was(server, tmp_path):
    with pytest.raises(HilumError, match=r"broke off|IncompleteRead|A partial download is kept"):
        fetch(row(f"{server}/breaks"), tmp_path)
    have = (tmp_path / "weights.pth.part").stat().st_size
    assert have == len(CONTENT) // 2
    assert not (tmp_path / "weights.pth").exists()
    path = fetch(row(f"{server}/file", sha256_begins=hashlib.sha256(CONTENT).hexdigest()[:8]), tmp_path)
    assert path.read_bytes() == CONTENT
    assert Server.ranges == ["all", f"bytes={have}-"]


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:1000])
    assert fetch(row(f"{server}/stale"), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_whole_is_taken(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    wanted = row(f"{server}/file", md5_begins=hashlib.md5(CONTENT).hexdigest()[:8])
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(HilumError, match=r"expected SHA-256 00000000…; found .* not the published file"):
        fetch(row(f"{server}/file", sha256_begins="00000000"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("path", "message"), [("absent", "HTTP 404"), ("page", "a web page instead of a file")])
def test_a_missing_file_and_a_page_are_refused_and_it_is_reported_where_to_put_the_file(
    server, tmp_path, path, message
):
    with pytest.raises(HilumError, match=message) as caught:
        fetch(row(f"{server}/{path}"), tmp_path)
    assert f"put it as {tmp_path / 'weights.pth'}" in str(caught.value)
    assert not (tmp_path / "weights.pth").exists()


def test_without_a_network_it_is_reported_where_to_put_the_file(tmp_path):
    with pytest.raises(HilumError) as caught:
        fetch(row("http://127.0.0.1:9/weights.pth"), tmp_path)  # the discard port: nobody answers
    assert f"Get it from http://127.0.0.1:9/weights.pth and put it as {tmp_path / 'weights.pth'}" in str(caught.value)
    with pytest.raises(HilumError, match=r"Get it from https://github\.com/facebookresearch/dinov2 and put it as"):
        fetch(row(None), tmp_path)


def test_a_file_that_was_put_there_is_checked_too(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(HilumError, match="expected 3,072,000 bytes; found 14"):
        fetch(row(None, size=len(CONTENT)), tmp_path)
    with pytest.raises(HilumError, match=r"expected MD5 a04e12f8…"):
        check(row(None, md5_begins="a04e12f8").source, tmp_path / "weights.pth")

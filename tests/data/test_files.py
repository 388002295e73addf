from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sc_neurocore.data.files import DataFile, find_file, read_cached, write_cached
from sc_neurocore.errors import DataError
from sc_neurocore.progress import Progress

CONTENT = bytes(range(256)) * 40
GOOD = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves the content at /good, half of it at /cut, and other bytes at /other."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        content = {"/good": CONTENT, "/cut": CONTENT, "/other": b"<html>"}.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: 5000 if self.path == "/cut" else None])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def urls(server: ThreadingHTTPServer, *pages: str) -> tuple[str, ...]:
    return tuple(f"http://127.0.0.1:{server.server_port}/{page}" for page in pages)


def test_the_users_own_file_comes_first_and_is_not_fetched(own_data: Path) -> None:
    (own_data / "set").mkdir()
    (own_data / "set" / "a").write_bytes(b"mine")
    assert find_file(DataFile("set/a", ())) == own_data / "set" / "a"


def test_a_good_mirror_is_reached_past_bad_ones(
    own_data: Path, server: ThreadingHTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    file = DataFile("set/a", urls(server, "missing", "other", "cut", "good"), GOOD)
    events: list[Progress] = []
    with caplog.at_level(logging.INFO):
        path = find_file(file, events.append)
    assert path == own_data.parent / "cache" / "data" / "set" / "a"
    assert path.read_bytes() == CONTENT
    assert sorted(path.parent.iterdir()) == [path]  # no half of a file stays
    assert server.asked == ["/missing", "/other", "/cut", "/good"]  # type: ignore[attr-defined]
    assert events[-1] == Progress("downloading a", len(CONTENT), len(CONTENT))
    assert "Downloading" not in caplog.text

    assert find_file(file) == path
    assert len(server.asked) == 4  # type: ignore[attr-defined]
    path.write_bytes(CONTENT[:-1])  # damaged in the cache
    assert find_file(DataFile("set/a", urls(server, "good"), GOOD)).read_bytes() == CONTENT


def test_without_a_sum_the_file_is_taken_as_it_comes(
    own_data: Path, server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert find_file(DataFile("b", urls(server, "other"))).read_bytes() == b"<html>"
    assert capfd.readouterr() == ("", "")  # the library never prints


def test_a_failure_says_what_was_tried_and_what_to_do(
    own_data: Path, server: ThreadingHTTPServer
) -> None:
    closed = "http://127.0.0.1:9/a"
    file = DataFile("set/a", (closed, *urls(server, "missing", "other")), GOOD)
    with pytest.raises(DataError) as caught:
        find_file(file)
    message = str(caught.value)
    place = own_data.parent / "cache" / "data" / "set" / "a"
    for part in (
        f"not in $SC_NEUROCORE_DATA ({own_data})",
        f"{closed} (ConnectionError)",
        "/missing (HTTP status 404)",
        "/other (what came has the wrong SHA-256)",
        f"put it at {place}, or set SC_NEUROCORE_DATA to a folder that has set/a",
    ):
        assert part in message
    assert list(place.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = own_data / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("SC_NEUROCORE_CACHE", str(blocked))
    with pytest.raises(DataError, match=r"cannot write there .*set SC_NEUROCORE_CACHE"):
        find_file(DataFile("a", ("http://127.0.0.1:9/a",)))
    with pytest.raises(DataError, match=r"cannot write there .*set SC_NEUROCORE_CACHE"):
        write_cached("a", b"x")
    assert read_cached("a") is None


def test_the_cache_returns_what_was_put_there(own_data: Path) -> None:
    assert read_cached("a") is None
    write_cached("a", b"one")
    write_cached("a", b"two")
    assert read_cached("a") == b"two"

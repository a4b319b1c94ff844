"""Archives and folders at URLs: fetched once, gone on with, checked, and complete or absent."""

import gzip
import hashlib
import io
import json
import lzma
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest

from hilum.data.fetching import (
    address_problem,
    cache_folder,
    fetch,
    fetch_address,
    fetched,
    parse_address,
    size_of_address,
)
from hilum.errors import HilumError

sys.path.append(str(Path(__file__).parent))
from served import serving

FILES = {"labels.csv": b"image,finding\na.png,1\n", "images/a.png": bytes(range(256)) * 12_000}


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], link: str | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if link is not None:
            entry = tarfile.TarInfo("link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            archive.addfile(entry)
    return stream.getvalue()


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_archive_is_fetched_once_and_checked(cache):
    archive, reported = zipped(FILES), list[tuple[int, int, str]]()
    with serving(archive) as served:
        address = parse_address(f"{served.url}/set.zip#sha256={sha256(archive)}")
        assert fetched(address) is None
        assert size_of_address(address) == len(archive)
        assert not cache.exists()  # looking leaves nothing
        folder = fetch_address(address, what="data", fix="", on_progress=lambda *each: reported.append(each))
        assert content_of(folder) == FILES
        assert reported[-1][0] == reported[-1][1] == len(archive) // 10**6
        asked = len(served.asked)
        assert fetch_address(address, what="data", fix="") == fetched(address) == folder
        assert len(served.asked) == asked
    assert [path.name for path in cache.iterdir()] == [address.place.name]
    assert {path.name for path in address.place.iterdir()} == {"content", "fetched.json"}


def test_a_broken_off_archive_is_gone_on_with_unless_it_has_changed():
    archive, other = zipped(FILES), zipped(FILES | {"labels.csv": b"other\n"})
    with serving(archive) as served:
        address = parse_address(f"{served.url}/set.zip#sha256={sha256(archive)}")
        served.break_after = 1_500_000
        with pytest.raises(HilumError, match="found"):
            fetch_address(address, what="data", fix="By hand.")
        served.break_after = 0
        assert content_of(fetch_address(address, what="data", fix="")) == FILES
        ranges = [each for method, each in served.asked if method == "GET"]
        assert ranges[0] == "all"
        assert 0 < int(ranges[1].removeprefix("bytes=").removesuffix("-")) <= 1_500_000
        changing = parse_address(f"{served.url}/changing.zip")
        served.break_after = 1_500_000
        with pytest.raises(HilumError):
            fetch_address(changing, what="data", fix="")
        served.break_after, served.content, served.version = 0, other, '"2"'
        assert content_of(fetch_address(changing, what="data", fix=""))["labels.csv"] == b"other\n"


def test_another_checksum_a_page_and_a_missing_file_are_refused_and_leave_nothing(cache):
    with serving(zipped(FILES)) as served:
        for path, expected in (
            ("set.zip#sha256=" + "0" * 64, "expected SHA-256 000000000000…"),
            ("absent.zip", "HTTP 404"),
            ("page.zip", "a web page instead of a file"),
        ):
            address = parse_address(f"{served.url}/{path}")
            with pytest.raises(HilumError, match=expected):
                fetch_address(address, what="data", fix="Add --data set=FOLDER.")
            assert fetched(address) is None
            assert not address.place.exists()
    gone = parse_address(f"{served.url}/set.zip")
    with pytest.raises(HilumError, match=r"refused.* Add --data"):
        fetch_address(gone, what="data", fix="Add --data set=FOLDER.")
    assert size_of_address(gone) is None


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("a.zip", zipped({"../outside.txt": b"x"})),
        ("a.zip", zipped({"/outside.txt": b"x"})),
        ("a.tar.gz", tarred({"../outside.txt": b"x"})),
        ("a.tar.gz", tarred({"a.txt": b"x"}, link="/etc/passwd")),
        ("a.zip", zipped({})),
        ("a.zip", zipped({"x" * 300: b"x"})),
        ("a.zip", zipped({"a": b"x", "a/b": b"y"})),
        ("a.tar.xz", lzma.compress(gzip.decompress(tarred(FILES)))[:-8] + b"12345678"),
        ("a.zip", b"no archive at all"),
        ("a.tgz", b"no archive at all"),
    ],
)
def test_archives_that_leave_their_folder_and_damaged_ones_are_refused(name, archive, tmp_path, cache):
    (tmp_path / name).write_bytes(archive)
    address = parse_address(f"file://{tmp_path / name}")
    with pytest.raises(HilumError, match="expected an archive"):
        fetch_address(address, what="data", fix="")
    assert fetched(address) is None
    assert not list(tmp_path.rglob("outside.txt"))
    assert not Path("/outside.txt").exists()
    assert not list(cache.rglob("content"))


def test_a_bit_that_flipped_in_a_compressed_archive_is_never_taken_for_data(tmp_path):
    draw, whole = np.random.default_rng(0), tarred({"a.csv": bytes(draw_bytes(5000)), "b.csv": b"1\n" * 3000})
    for number in range(40):
        place = int(np.random.default_rng(number).integers(20, len(whole)))
        (tmp_path / f"{number}.tar.gz").write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << int(draw.integers(8))]) + whole[place + 1 :]
        )
        with pytest.raises(HilumError, match="expected an archive"):
            fetch_address(parse_address(f"file://{tmp_path}/{number}.tar.gz"), what="data", fix="")


def draw_bytes(count: int) -> bytes:
    return np.random.default_rng(1).integers(0, 256, count, dtype=np.uint8).tobytes()


def test_a_folder_that_changed_meanwhile_is_fetched_as_it_is_now(tmp_path, monkeypatch):
    source = tmp_path / "set"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_text(f"{name}, first")
    address, download = parse_address(f"file://{source}"), fetch.download

    def break_off(url, *arguments, **more):
        if url.endswith("/c"):
            raise HilumError(url, expected="a connection", found="none", fix="")
        download(url, *arguments, **more)

    monkeypatch.setattr(fetch, "download", break_off)
    with pytest.raises(HilumError, match="a connection"):
        fetch_address(address, what="data", fix="")
    monkeypatch.undo()
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    (source / "a").write_text("a, the second")
    (source / "b").unlink()
    assert content_of(fetch_address(address, what="data", fix="")) == {"a": b"a, the second", "c": b"c, first"}


def test_what_is_no_folder_and_a_cache_that_cannot_be_are_refused(tmp_path, monkeypatch):
    (tmp_path / "x.yaml").write_text("a")
    with pytest.raises(HilumError, match="no folder with files, and no archive"):
        fetch_address(parse_address(f"file://{tmp_path}/x.yaml"), what="data", fix="")
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "x.yaml"))
    with pytest.raises(HilumError, match="Set HILUM_CACHE to another folder"):
        fetch_address(parse_address(f"file://{tmp_path}/y.zip"), what="data", fix="")


def test_a_checksum_in_capitals_and_a_record_of_what_came(tmp_path):
    archive = zipped(FILES)
    (tmp_path / "set.zip").write_bytes(archive)
    shouted = parse_address(f"FILE://{tmp_path}/set.zip#sha256={sha256(archive).upper()}")
    assert shouted == parse_address(f"file://{tmp_path}/set.zip#sha256={sha256(archive)}")
    assert content_of(fetch_address(shouted, what="data", fix="")) == FILES
    unchecked = parse_address(f"file://{tmp_path}/set.zip")
    fetch_address(unchecked, what="data", fix="")
    assert json.loads((unchecked.place / "fetched.json").read_text())["sha256"] == sha256(archive)
    shutil.rmtree(unchecked.place / "content")
    assert fetched(unchecked) is None


def test_a_folder_in_an_object_store_and_a_folder_in_an_archive(tmp_path):
    files = fsspec.filesystem("memory")
    for name, content in FILES.items():
        files.pipe_file(f"/bucket/set/{name}", content)
    folder = fetch_address(parse_address("memory://bucket/set"), what="data", fix="")
    assert content_of(folder) == FILES
    with pytest.raises(HilumError, match="no folder with files"):
        fetch_address(parse_address("memory://bucket/nothing"), what="data", fix="")
    (tmp_path / "set.tar.gz").write_bytes(tarred({f"set-1.0/{name}": content for name, content in FILES.items()}))
    inside = fetch_address(parse_address(f"file://{tmp_path}/set.tar.gz"), what="data", fix="")
    assert inside.name == "set-1.0"
    assert content_of(inside) == FILES
    files.rm("/bucket", recursive=True)


def test_of_two_processes_one_fetches_and_the_other_waits():
    archive = zipped(FILES)
    with serving(archive) as served:
        served.slow = 0.5
        text = f"{served.url}/set.zip#sha256={sha256(archive)}"
        code = f"from hilum.data.fetching import *; print(fetch_address(parse_address({text!r}), what='data', fix=''))"
        both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in "ab"]
        printed = {process.communicate()[0].strip() for process in both}
        assert printed == {str(fetched(parse_address(text)))}
        assert [method for method, _ in served.asked].count("GET") == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://host/a.zip", "is not one of https://"),
        ("https://host/a.zip#sha256=12", "64 hexadecimal digits"),
        ("https://host/folder", "over https only an archive"),
        ("s3://bucket/folder#sha256=" + "0" * 64, "a folder has no checksum"),
        ("https://user:secret@host/a.zip", "must not hold a password"),
        ("https://bucket.host/a.zip?X-Amz-Signature=12", "a signed URL is a password"),
        ("https://host/a.zip?sv=1&sig=12", "a signed URL is a password"),
        ("s3://KEY@bucket/a.zip", "must not hold a password"),
        ("https:///a.zip", "names no host"),
        ("file://", "names no file"),
        ("https://host/a.zip", "need a checksum"),
    ],
)
def test_addresses_that_cannot_be(text, problem):
    assert problem in str(address_problem(text, checksum_needed=True))


def test_good_addresses_have_no_problem_and_a_cache(monkeypatch):
    assert address_problem("https://host/a.zip#sha256=" + "0" * 64, checksum_needed=True) is None
    assert address_problem("s3://bucket/folder") is None
    assert address_problem("gs://bucket/a.tar.gz") is None
    monkeypatch.delenv("HILUM_CACHE")
    assert cache_folder().name == "fetched"

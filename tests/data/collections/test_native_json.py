import pytest

from hilum.data.collections import native_json
from hilum.data.collections.native_json import read_json, refuse_unlike
from hilum.errors import HilumError


def test_json_is_read_with_or_without_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1]}')
    assert read_json(tmp_path / "a.json", of="somebody's") == {"a": [1]}


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": "\xff"}', b"[" * 100_000, b"9" * 5_000])
def test_what_is_no_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(HilumError, match=r"a.json: expected TBX11K's boxes as JSON; found "):
        read_json(tmp_path / "a.json", of="TBX11K's boxes")


def test_a_file_that_is_far_too_large_is_not_even_opened(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("[1, 2, 3, 4]")
    monkeypatch.setattr(native_json, "MAX_BYTES", 10)
    with pytest.raises(HilumError, match="expected at most 10 bytes; found 12"):
        read_json(tmp_path / "a.json", of="TBX11K's boxes")


def test_other_json_is_named(tmp_path):
    error = refuse_unlike(tmp_path / "a.json", of="TBX11K's boxes", expected="a list")
    assert "expected TBX11K's boxes: a list; found other JSON" in str(error)

import os
from pathlib import Path

from hypothesis import given, strategies as st

from hilum.data.paths import is_utf8, leads_inside, printable


@given(st.binary(max_size=60))
def test_any_bytes_have_a_printable_name(name):
    text = os.fsdecode(name)
    assert printable(text).encode().decode() == printable(text)
    assert is_utf8(printable(text))
    assert is_utf8(text) == (printable(text) == text)


def test_bytes_that_are_no_text_are_shown_as_such():
    assert printable(os.fsdecode(b"radiograf\xeda.png")) == r"radiograf\xeda.png"
    assert printable("radiografía.png") == "radiografía.png"


def test_no_path_leads_out_unseen(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    assert leads_inside(root / "a.png", root)
    for path in ("../a.png", "out/a.png", "circle/a.png", "nul\0.png", str(tmp_path / "a.png")):
        assert not leads_inside(root / path, root)
    assert not leads_inside(Path("/"), root)

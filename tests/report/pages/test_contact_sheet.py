import base64
import re

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.data.preprocess import parse_recipe, preprocess
from hilum.errors import HilumError
from hilum.report.pages import BINS, SheetRow, Strip, choose, outline, read_rows, values, write_image, write_page
from hilum.report.render import png

PAD = parse_recipe([{"square": "pad"}, {"resize": 64}])
WIDE = np.tile(np.arange(100, 200, dtype=np.uint8), (50, 1))


@pytest.fixture
def sheet(tmp_path):
    """A wide image of 8 bits, an image of 16 bits, a broken one; a box on the first."""
    cv2.imwrite(str(tmp_path / "wide.png"), WIDE)
    cv2.imwrite(str(tmp_path / "deep.png"), np.arange(0, 6400, 4, dtype=np.uint16).reshape(40, 40))
    (tmp_path / "broken.png").write_bytes(b"")
    names = ["wide", "deep", "broken"]
    manifest = pl.DataFrame(
        {
            "image_id": names,
            "path": [f"{name}.png" for name in names],
            "view": ["PA", None, None],
            "sex": ["F", None, None],
        }
    )
    boxes = pl.DataFrame(
        {
            "image_id": ["wide"],
            "finding": ["Mass"],
            "x": [100.0],
            "y": [50.0],
            "width": [40.0],
            "height": [20.0],
            "frame_width": [200],
            "frame_height": [100],
        }
    )
    return manifest, tmp_path, boxes


def test_an_image_is_shown_with_its_own_values_before_and_after(sheet):
    manifest, root, _ = sheet
    wide, deep, broken = read_rows(manifest, root, PAD)
    assert values(wide.raw).replace("\u00a0", " ") == "100 × 50 px · 8 bits · 100 to 199 · 100 levels"
    assert values(deep.raw).replace("\u00a0", " ") == "40 × 40 px · 16 bits · 0 to 6,396 · 1,600 levels"
    assert np.array_equal(wide.made.shown, preprocess(WIDE, PAD))
    assert (deep.raw.shown.min(), deep.raw.shown.max()) == (0, 255)
    assert (broken.raw, broken.made, broken.reason) == (None, None, "empty file")
    assert wide.about == "PA · F"


def test_a_histogram_counts_every_pixel_once_in_its_part_of_the_range(sheet):
    manifest, root, _ = sheet
    wide, deep, _ = read_rows(manifest, root, PAD)
    assert len(wide.raw.histogram) == BINS
    expected, _ = np.histogram(WIDE, bins=BINS, range=(0, 255))
    np.testing.assert_allclose(wide.raw.histogram, expected / WIDE.size)
    np.testing.assert_allclose(deep.raw.histogram, 1 / BINS, atol=0.01)  # every value as often as any other
    assert outline(wide.raw).count("V") == BINS + 1


def test_boxes_land_on_the_raw_and_on_the_padded_image(sheet):
    manifest, root, boxes = sheet
    wide, deep, _ = read_rows(manifest, root, PAD, boxes)
    raw, made = wide.raw.boxes[0], wide.made.boxes[0]
    assert (raw.left, raw.top, raw.width, raw.height) == (0.5, 0.5, 0.2, 0.2)
    # 25 image pixels of bars above: the box begins at (25 + 25) of 100 and is 10 high
    assert (made.left, made.top, made.width, made.height) == (0.5, 0.5, 0.2, 0.1)
    assert deep.raw.boxes == []


def test_nothing_outside_of_the_root_is_looked_at(sheet, tmp_path):
    manifest, root, _ = sheet
    inside = root / "inside"
    inside.mkdir()
    (inside / "link.png").symlink_to(root / "wide.png")
    rows = manifest.head(2).with_columns(path=pl.Series(["../wide.png", "link.png"]))
    assert [image.reason for image in read_rows(rows, inside, PAD)] == ["a path out of the data set's folder"] * 2


def test_the_draw_is_the_seeds_and_leaves_out_what_is_not_here():
    manifest = pl.DataFrame(
        {"image_id": [f"i{n}" for n in range(50)], "path": [None] + [f"{n}.png" for n in range(49)]}
    )
    drawn = choose(manifest, 10, seed=1)["image_id"].to_list()
    assert drawn == choose(manifest.reverse(), 10, seed=1)["image_id"].to_list()
    assert drawn != choose(manifest, 10, seed=2)["image_id"].to_list()
    assert len(set(drawn)) == 10
    assert "i0" not in choose(manifest, 50, seed=1)["image_id"]
    assert choose(manifest, 3, 0, ["i7", "i2", "i7"])["path"].to_list() == ["6.png", "1.png"]
    with pytest.raises(HilumError, match="expected image_id of the manifest; found nobody"):
        choose(manifest, 3, 0, ["i7", "nobody"])


def test_the_page_needs_nothing_beside_it_and_escapes_what_it_is_reported(sheet, tmp_path):
    manifest, root, boxes = sheet
    images = [*read_rows(manifest, root, PAD, boxes), SheetRow("<script>alert(1)</script>", "", reason="<b>")]
    path = tmp_path / "sheet.html"
    write_page([Strip("ours & theirs", images)], "[clahe]", ["A note."], path)
    page = path.read_text()
    assert "<script" not in page
    assert "ours &amp; theirs" in page
    assert not re.findall(r'(?:src|href)="(?!data:image/png;base64,)', page)
    assert "://" not in page
    assert page.count("<img") == 4
    assert page.count('title="Mass"') == 2
    write_page([Strip("ours & theirs", images)], "[clahe]", ["A note."], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_an_image_in_the_page_is_the_image():
    encoded = png(WIDE).partition(",")[2]
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(encoded), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decoded, WIDE)


def test_the_sheet_can_be_one_image(sheet, tmp_path):
    manifest, root, boxes = sheet
    write_image([Strip("ours", read_rows(manifest, root, PAD, boxes))], "[resize]", tmp_path / "sheet.png")
    drawn = cv2.imread(str(tmp_path / "sheet.png"))
    assert drawn.shape[1] > 1500
    coloured = np.abs(drawn.astype(int) - (0, 159, 230)).max(axis=2) < 20  # the colour of a box, BGR
    assert coloured.sum() > 100
    assert 0.02 < (drawn < 100).mean() < 0.9

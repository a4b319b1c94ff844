from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from hilum.data.images import Remark, may_be_turned, turn_of_png
from hilum.data.pixels import exif_remarks, read_gray, read_image

PROPERTY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def exif(orientation):
    written = Image.Exif()
    written[Base.Orientation] = orientation
    return written


@given(
    orientation=st.integers(1, 8),
    ending=st.sampled_from(["jpg", "png"]),
    mode=st.sampled_from(["L", "RGB", "I;16"]),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
@PROPERTY
def test_every_orientation_is_that_of_pillow(tmp_path, orientation, ending, mode, height, width):
    gray = np.random.default_rng(height * 31 + width).integers(0, 256, (height, width), dtype=np.uint8)
    if mode == "I;16" and ending == "png":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(gray).convert("RGB" if mode == "RGB" else "L")
    path = tmp_path / f"a.{ending}"
    image.save(path, exif=exif(orientation))
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    image = read_image(path)
    assert np.array_equal(image.pixels, upright if upright.ndim == 2 else upright[..., 0])
    assert image.remarks == ((Remark.EXIF_TURNED,) if orientation > 1 else ())
    assert exif_remarks(path) == image.remarks  # what ingest counts, without the pixels


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("wrong", [0, 9, 65_535])
def test_an_orientation_that_cannot_be_turns_nothing(tmp_path, ending, wrong):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(gray).save(path, exif=exif(wrong), **({"quality": 100} if ending == "jpg" else {}))
    assert read_image(path).remarks == ()


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_broken_exif_costs_no_image(tmp_path, ending):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(gray).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff rubbish")
    assert read_gray(path).shape == (8, 8)
    assert exif_remarks(path) == ()


def test_an_orientation_behind_the_pixels_counts_too():
    stream = BytesIO()
    gray = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    gray.save(stream, "PNG", exif=exif(6))
    content = stream.getvalue()
    place = content.index(b"eXIf") - 4
    length = 12 + int.from_bytes(content[place : place + 4], "big")
    chunk, rest = content[place : place + length], content[:place] + content[place + length :]
    behind = rest[:-12] + chunk + rest[-12:]
    assert turn_of_png(behind) == turn_of_png(content)
    assert turn_of_png(behind)
    assert may_be_turned(BytesIO(behind))
    assert not may_be_turned(BytesIO(rest))

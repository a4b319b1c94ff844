import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from hilum.data.images.gray import MAX_PIXELS, UnreadableImage
from hilum.data.pixels import kind_of, read_gray, to_one_channel


@pytest.fixture
def gray():
    noise = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    return cv2.resize(noise, (64, 48), interpolation=cv2.INTER_CUBIC)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(pixels)) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_a_gray_png_is_the_same_array_in_any_number_of_channels(tmp_path, gray, mode):
    Image.fromarray(gray).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_gray(tmp_path / "a.png"), gray)


def test_a_16_bit_png_keeps_its_bits(tmp_path, gray):
    deep = gray.astype(np.uint16) * 257 + 3
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    assert read_gray(tmp_path / "a.png").dtype == np.uint16
    assert np.array_equal(read_gray(tmp_path / "a.png"), deep)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_read_nearly_as_it_was_written(tmp_path, gray, mode):
    Image.fromarray(gray).convert(mode).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_gray(tmp_path / "a.jpg").astype(int) - gray).max() <= 6


def test_a_coloured_mark_becomes_luminance(gray):
    marked = np.dstack([gray] * 3)
    marked[:4, :8] = 200, 100, 50  # 1 % of the image
    read = to_one_channel(marked, "a.png")
    assert np.array_equal(read[4:], gray[4:])
    assert read[0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)  # ITU-R BT.601


def test_a_png_in_colour_keeps_red_red(tmp_path, gray):
    marked = np.dstack([gray] * 3)
    marked[:4, :8] = 255, 0, 0
    Image.fromarray(marked).save(tmp_path / "a.png")
    assert read_gray(tmp_path / "a.png")[0, 0] == round(0.299 * 255)


def test_a_photograph_is_refused(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match="colour image, not a radiograph"):
        read_gray(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"These are not the pixels you are looking for.", "a text file"),
        (bytes(range(256)), "neither PNG nor JPEG nor DICOM"),
        (b"\x89PNG\r\n\x1a\n", "broken header"),
        (b"\xff\xd8\xff\xe0rubbish", "broken header"),
        (bytes(128) + b"DICMrubbish", "broken DICOM"),
        (_png(60_000, 60_000, b""), f"60,000 x 60,000 pixels; 1 to {MAX_PIXELS:,} are allowed"),
        (_png(20, 20, bytes(21 * 10)), "broken PNG"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(tmp_path, content, reason, capfd):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        UnreadableImage, match=rf"a\.png: expected a gray PNG, JPEG or DICOM radiograph; found .*{reason}"
    ):
        read_gray(tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path, gray, ending, capfd):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(gray).save(path)
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.8, 0.95):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(UnreadableImage):
            read_gray(path)


def test_a_png_with_a_changed_byte_is_refused(tmp_path, gray, capfd):
    Image.fromarray(gray).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    for place in range(20, len(content) - 12, 97):
        (tmp_path / "a.png").write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with pytest.raises(UnreadableImage):
            read_gray(tmp_path / "a.png")


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    for path, reason in ((tmp_path / "a.png", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(UnreadableImage) as caught:
            read_gray(path)
        assert caught.value.reason == reason


def test_the_first_bytes_tell_what_a_file_is(tmp_path, gray):
    for ending, kind in (("png", "png"), ("jpg", "jpeg")):
        Image.fromarray(gray).save(tmp_path / f"a.{ending}")
        assert kind_of((tmp_path / f"a.{ending}").rename(tmp_path / "named-otherwise.dat")) == kind


@pytest.mark.shared_data
def test_real_radiographs_of_every_format_are_read(shared_data):
    folder = shared_data / "cxr_formats"
    for path in [*folder.rglob("*.png"), *folder.rglob("*.dcm")]:
        image = read_gray(path)
        assert image.ndim == 2
        assert image.dtype == np.uint8
        assert image.std() > 20  # an image, not a blank


@pytest.mark.shared_data
def test_real_colours_and_shapes_are_as_pillow_sees_them(shared_data):
    modes, oblong = set(), 0
    for path in sorted((shared_data / "cxr_formats").rglob("*.png")):
        with Image.open(path) as canvas:
            modes.add(canvas.mode)
            image = read_gray(path)
            assert image.shape == (canvas.height, canvas.width)
            assert np.array_equal(image, np.asarray(canvas.convert("RGB"))[..., 0])
            oblong += canvas.height != canvas.width
    assert {"L", "RGB", "RGBA"} <= modes
    assert oblong == 12


@pytest.mark.shared_data
def test_an_rgba_image_of_nih_is_the_mean_of_its_pixels_in_the_sample(shared_data):
    # The sample was made from the same source by averaging 2 x 2 pixels (PIL reduce), see its README.
    image = read_gray(shared_data / "cxr_formats" / "nih_native_1024" / "00000773_001.png")
    half = read_gray(shared_data / "chestxray14_sample" / "images" / "00000773_001.png")
    mean = image.reshape(512, 2, 512, 2).mean(axis=(1, 3))
    assert np.abs(mean - half).max() <= 0.5

"""Files made to do harm: each is refused with a reason, nothing outside of the root is read, memory stays bounded."""

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pydicom
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from hilum.data.collections import read_collection
from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import kind_of, read_gray
from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store
from hilum.errors import HilumError

IMAGE = cv2.resize(np.random.default_rng(0).integers(0, 4096, (5, 5), dtype=np.uint16), (32, 32))
CODECS = ("JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless", "ExplicitVRBigEndian")
MEMORY = 3 << 30  # of address space, for the reader and for each of its decoders

READ_ALL = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
import warnings
warnings.simplefilter("error")
from hilum.data.dicom.read import read_header
from hilum.data.dicom.codecs import stop_decoders
from hilum.data.pixels import UnreadableImage, kind_of, read_gray
reported = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        if kind_of(path) == "dicom":
            read_header(path)
        reported[path.name] = list(read_gray(path).shape)
    except UnreadableImage as error:
        reported[path.name] = error.reason
# Not ru_maxrss of this process, which begins with that of the process that started it.
own = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
stop_decoders()  # the peak of those that ended is known
decoders = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([reported, 1024 * max(own, decoders)]))
"""


def read_all(folder):
    """What became of every file (a shape or a reason), and the peak of memory, bytes, in a process that may not
    crash."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("memory is measured on Linux only")
    command = [sys.executable, "-c", READ_ALL, str(folder), str(MEMORY)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert all(line.startswith("libpng") for line in ended.stderr.splitlines())
    message, peak = json.loads(ended.stdout)
    return message, peak


def mutant(content: bytes, generator: random.Random) -> bytes:
    """A file cut short, with changed bytes, with a length that cannot be, or with a part missing."""
    changed = bytearray(content)
    how, place = generator.randrange(4), generator.randrange(132, len(content) - 8)
    if how == 0:
        return content[:place]
    if how == 1:
        for _ in range(generator.choice([1, 2, 8])):
            changed[generator.randrange(132, len(content))] = generator.randrange(256)
    elif how == 2:
        changed[place : place + 4] = generator.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"])
    else:
        del changed[place : generator.randrange(place, len(content))]
    return bytes(changed)


def test_two_hundred_mutated_dicom_files_crash_nothing(dicom, recoded, tmp_path):
    folder, generator = tmp_path / "mutants", random.Random(0)
    folder.mkdir()
    whole = [dicom(IMAGE, BitsStored=12, WindowCenter=2000, WindowWidth=1000).read_bytes()]
    whole += [recoded(dicom(IMAGE, BitsStored=12), codec).read_bytes() for codec in CODECS]
    for number in range(200):
        (folder / f"{number:03}.dcm").write_bytes(mutant(whole[number % len(whole)], generator))
    message, peak = read_all(folder)
    refused = [reason for reason in message.values() if isinstance(reason, str)]
    assert len(message) == 200
    assert 60 < len(refused) < 200  # some mutations hit a byte that matters to nobody
    assert all(reason.isprintable() and len(reason) < 200 for reason in refused)
    assert peak < 600e6


def deflated(header: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    body = packer.compress(header) + b"".join(packer.compress(zeros) for _ in range(size >> 20))
    return body + packer.flush()


def with_syntax(path, syntax) -> bytes:
    """The file's preface in another transfer syntax, without a data set."""
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = BytesIO()
    pydicom.filewriter.write_file_meta_info(stream, dataset.file_meta)
    return bytes(128) + b"DICM" + stream.getvalue()


def sequence(depth: int) -> bytes:
    """Sequences in each other, all of undefined length: (0040,0275) SQ, item, (0040,0275) SQ, …"""
    begin = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    return (begin + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * depth


def element(group: int, number: int, vr: bytes, length: int) -> bytes:
    return struct.pack("<HH2sHI", group, number, vr, 0, length)


@pytest.fixture
def bombs(dicom, tmp_path):
    """Files that promise, or unpack to, far more than they are; and what is to be reported of each."""
    folder = tmp_path / "bombs"
    folder.mkdir()
    plain = dicom(IMAGE)
    preface = with_syntax(plain, DeflatedExplicitVRLittleEndian)
    explicit = with_syntax(plain, pydicom.uid.ExplicitVRLittleEndian)
    data = plain.read_bytes()[len(explicit) :]
    (folder / "deflated.dcm").write_bytes(preface + deflated(element(0x0009, 0x0010, b"OB", 576 << 20), 576 << 20))
    (folder / "deep.dcm").write_bytes(explicit + sequence(50_000) + data)
    (folder / "endless.dcm").write_bytes(explicit + element(0x0009, 0x0010, b"OB", 0xFFFFFFFF) + bytes(1 << 20))
    (folder / "long.dcm").write_bytes(explicit + element(0x0009, 0x0010, b"OB", 0xFFFFFFF0) + data)
    dicom(IMAGE, NumberOfFrames="2147483647").rename(folder / "frames.dcm")
    dicom(IMAGE, Rows=65_535, Columns=65_535).rename(folder / "large.dcm")
    dicom(IMAGE, Rows=10_000, Columns=10_000).rename(folder / "promised.dcm")
    # One segment of RLE whose every two bytes unpack to 128: 4 MB become 256 MB.
    segment = bytes([129, 0]) * 2_000_000
    for name, rows in (("rle.dcm", 32), ("rle_large.dcm", 10_000)):
        path = dicom(IMAGE.astype(np.uint8), Rows=rows, Columns=rows)
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset.PixelData = pydicom.encaps.encapsulate([struct.pack("<16L", 1, 64, *[0] * 14) + segment])
        dataset["PixelData"].VR = "OB"
        dataset.save_as(folder / name)
    return folder


def test_bombs_are_refused_before_they_fill_the_memory(bombs):
    message, peak = read_all(bombs)
    assert message.pop("deflated.dcm") == "a deflated DICOM file of more than 512,000,000 bytes"
    assert message.pop("frames.dcm") == "2,147,483,647 frames"
    assert message.pop("large.dcm") == "65,535 x 65,535 pixels; 1 to 100,000,000 are allowed"
    assert message.pop("promised.dcm").startswith("undecodable DICOM (Explicit VR Little Endian)")
    assert message.pop("rle.dcm") in ([32, 32], "undecodable DICOM (RLE Lossless): broken pixels")
    assert message.pop("rle_large.dcm") in ([10_000, 10_000], "undecodable DICOM (RLE Lossless): broken pixels")
    assert set(message) == {"deep.dcm", "endless.dcm", "long.dcm"}
    assert all(reason.startswith("a broken DICOM file") for reason in message.values())
    assert peak < 1.2e9


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 0, before: bytes = b"", content: bytes = b""
) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def test_png_and_jpeg_bombs_are_refused(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    zeros = zlib.compress(bytes(200_000_000), 9)
    text = b"Comment\0\0" + zlib.compress(b"A" * 200_000_000, 9)
    (folder / "small_with_much.png").write_bytes(png(8, 8, content=zeros))
    (folder / "sixteen_bits_rgba.png").write_bytes(png(10_000, 9_000, depth=16, colour=6, content=zeros))
    (folder / "text.png").write_bytes(png(8, 8, before=chunk(b"zTXt", text), content=zlib.compress(bytes(72))))
    (folder / "profile.png").write_bytes(png(8, 8, before=chunk(b"iCCP", text), content=zlib.compress(bytes(72))))
    stream = BytesIO()
    Image.fromarray(IMAGE.astype(np.uint8)).save(stream, format="JPEG")
    jpeg = bytearray(stream.getvalue())
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 65_500, 65_500)
    (folder / "large.jpg").write_bytes(jpeg)
    jpeg[place : place + 4] = struct.pack(">HH", 9_000, 9_000)
    (folder / "promised.jpg").write_bytes(jpeg)
    message, peak = read_all(folder)
    assert message.pop("small_with_much.png") in ([8, 8], "broken PNG")
    assert message.pop("sixteen_bits_rgba.png") == "an image of 720,000,000 bytes; 400,000,000 are allowed"
    assert message.pop("large.jpg") == "65,500 x 65,500 pixels; 1 to 100,000,000 are allowed"
    assert message.pop("promised.jpg") == [
        9_000,
        9_000,
    ]  # the JPEG format fills what is missing; 81 MB of it do no harm
    assert set(message) == {"text.png", "profile.png"}
    assert all(outcome == [8, 8] or str(outcome).startswith("broken") for outcome in message.values())
    assert peak < 600e6


@pytest.mark.parametrize("mode", ["I;16", "P", "1", "interlaced"])
def test_unusual_but_honest_pngs_are_read(tmp_path, mode):
    gray, path = (IMAGE // 16).astype(np.uint8), tmp_path / "a.png"
    if mode == "I;16":
        Image.fromarray(IMAGE).save(path)
        assert np.array_equal(read_gray(path), IMAGE)
    elif mode == "P":
        Image.fromarray(gray).convert("P").save(path)
        assert np.array_equal(read_gray(path), gray)
    elif mode == "1":
        Image.fromarray(gray > 128).save(path)
        assert np.array_equal(read_gray(path), np.where(gray > 128, 255, 0))
    else:  # Adam7, by hand: two pixels, the second of them in the fourth pass (PNG specification, section 8.2)
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 1))
        rows = zlib.compress(bytes([0, 10, 0, 20]))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
        assert read_gray(path).tolist() == [[10, 20]]


def test_an_animation_is_refused(tmp_path):
    frames = [Image.fromarray(np.full((8, 8), value, dtype=np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImage, match="an animation"):
        read_gray(tmp_path / "a.png")


def test_a_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for read in (kind_of, read_gray):
        with pytest.raises(UnreadableImage, match="neither a file nor a folder"):
            read(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "b.png"), IMAGE)
    assert read_collection("folder", tmp_path).rejected["path"].to_list() == ["a.png"]


@pytest.fixture
def outside(tmp_path):
    """An image outside of the root, and a root that links to it in several ways."""
    root, secret = tmp_path / "images", tmp_path / "secret"
    root.mkdir()
    secret.mkdir()
    cv2.imwrite(str(secret / "s.png"), IMAGE)
    cv2.imwrite(str(root / "a.png"), IMAGE)
    (root / "link.png").symlink_to(secret / "s.png")
    (root / "folder").symlink_to(secret)
    (root / "circle.png").symlink_to(root / "circle.png")
    (root / "within.png").symlink_to(root / "a.png")
    return root


def test_links_out_of_the_root_are_set_aside_and_the_root_may_be_a_link(outside, tmp_path):
    (tmp_path / "entry").symlink_to(outside)
    for root in (outside, tmp_path / "entry"):
        dataset = read_collection("folder", root)
        assert dataset.manifest["path"].to_list() == ["a.png", "within.png"]
        assert dict(dataset.rejected.select("path", "reason").iter_rows()) == {
            "circle.png": "a circular link",
            "link.png": "a link out of the folder",
        }


def test_the_store_follows_no_path_or_link_out_of_the_root(outside, images, tmp_path):
    paths = ["a.png", "within.png", "link.png", "folder/s.png", "../secret/s.png", str(tmp_path / "secret" / "s.png")]
    paths += ["circle.png", "nul\0.png", "x" * 5000]
    manifest = images(["p"] * len(paths)).with_columns(path=pl.Series(paths))
    store = build_store(manifest, outside, parse_recipe([{"resize": 8}]), tmp_path / "store")
    assert store.image_ids == ["a0", "a1"]
    reasons = store.rejected["reason"].to_list()
    assert reasons[:6] == ["a path out of the data set's folder"] * 6


def test_a_link_that_turns_round_after_ingest_is_not_followed(outside, tmp_path):
    manifest = read_collection("folder", outside).manifest
    (outside / "within.png").unlink()
    (outside / "within.png").symlink_to(tmp_path / "secret" / "s.png")
    store = build_store(manifest, outside, parse_recipe([{"resize": 8}]), tmp_path / "store")
    assert store.rejected.select("image_id", "reason").rows() == [("within.png", "a path out of the data set's folder")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,Mass\n../../etc/passwd,1\n", r"a file for every row; found none, .* \(../../etc/passwd\)"),
        (b"image,Mass\n/etc/passwd,1\n", r"a file for every row; found none, .* \(/etc/passwd\)"),
        (b"image,Mass\nfolder/s.png,1\n", "a file for every row; found none"),
        (b"image,Mass\na.png\0,1\n", "expected text, UTF-8; found UTF-16 or another encoding with zero bytes"),
        (b"image,Mass,Mass\na.png,1,0\n", "column 'Mass': expected once, found 2 times"),
        (b"image,Mass\na.png,\xe9\n", "expected text, UTF-8; found byte 0xe9 in line 2"),
        (b"im\xe9ge,Mass\na.png,1\n", "expected text, UTF-8; found byte 0xe9 in line 1"),
        ("image,Mass\na.png,1\n".encode("utf-16"), "expected text, UTF-8; found UTF-16"),
        (
            b"image,Mass\na.png," + b"1" * 1_000_000 + b"\n",
            "at most 100,000 characters in a cell; found more in line 2",
        ),
        (b"image," + b"M" * 1_000_000 + b"\na.png,1\n", "at most 100,000 characters in a cell; found more in line 1"),
        (b"image,Mass\na.png," + b"x" * 90_000 + b"\n", "found 'x{59}…'"),
        (b"image,Mass\na.png,1,2,3\n", "line 2: expected 2 fields, as in the header; found 4"),
        (b'image,Mass\n"a.png,1\n', "expected"),
        (bytes(1000), "expected"),
    ],
)
def test_a_hostile_csv_is_refused_in_a_few_words(outside, tmp_path, content, message):
    labels = tmp_path / "labels.csv"
    labels.write_bytes(content)
    with pytest.raises(HilumError, match=message) as caught:
        read_collection("folder", outside, labels=labels)
    assert len(str(caught.value)) < 1000

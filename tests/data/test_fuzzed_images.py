"""Mutated DICOM, PNG and JPEG files: each is read or set aside; nothing crashes, hangs or is read outside the
folder."""

import json
import os
import random
import subprocess
import sys
from io import BytesIO

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

IMAGE = cv2.resize(np.random.default_rng(0).integers(0, 4096, (5, 5), dtype=np.uint16), (32, 32))
CODECS = ("JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless", "ExplicitVRBigEndian")
CODECS += ("DeflatedExplicitVRLittleEndian", "JPEGBaselineProcess1")
SECONDS = 60  # for one file on a busy machine; most take milliseconds

# In a process of its own, for a crash would take the tests with it. Everything that looks at one image file is called:
# what ingest, stores, sheets and the doctor do with it. Only UnreadableImage may be raised.
READ_ALL = """
import json, os, sys, time, warnings
from pathlib import Path
warnings.simplefilter("error")
from hilum.data import dicom
from hilum.data.dicom.codecs import stop_decoders
from hilum.data.doctor.images import measure
from hilum.data.file_kinds import FileKind
from hilum.data.pixels import UnreadableImage, exif_remarks, kind_of, read_image
from hilum.data.preprocess import parse_recipe, preprocess
folder = os.path.realpath(sys.argv[1])
libraries = [os.path.realpath(path) for path in (*sys.path, sys.prefix, sys.base_prefix, "/proc", "/dev", "/sys", "/etc") if path]
strange = set()
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not any(os.path.commonpath([path, place]) == place for place in (folder, *libraries)):
            strange.add(path)
sys.addaudithook(watch)
recipes = [parse_recipe([{"square": "pad"}, {"resize": 16}, "clahe"]), parse_recipe([{"window": "full"}, {"resize": 16}, "min_max"])]
reported, slowest = {}, 0.0
for path in sorted(Path(folder).iterdir()):
    begun = time.monotonic()
    try:
        if kind_of(path) is FileKind.DICOM:
            dicom.read_header(path)
        else:
            exif_remarks(path)
        for recipe in recipes:
            image = read_image(path, recipe.window)
            assert preprocess(image.pixels, recipe).shape == (16, 16)
        measure(path)
        reported[path.name] = list(image.pixels.shape)
    except UnreadableImage as error:
        reported[path.name] = error.reason
    slowest = max(slowest, time.monotonic() - begun)
stop_decoders()
print(json.dumps([reported, slowest, sorted(strange)]))
"""


def mutant(content: bytes, generator: random.Random) -> bytes:
    """Cut short, with changed bytes, with a length or number that cannot be, a part missing, doubled or moved."""
    changed = bytearray(content)
    how, place = generator.randrange(6), generator.randrange(len(content) - 8)
    other = generator.randrange(place, min(len(content), place + generator.choice([8, 64, 4096])) + 1)
    if how == 0:
        return content[:place]
    if how == 1:
        for _ in range(generator.choice([1, 2, 8, 64])):
            changed[generator.randrange(len(content))] = generator.randrange(256)
    elif how == 2:
        changed[place : place + 4] = generator.choice(
            [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x01\0\0\0"]
        )
    elif how == 3:
        del changed[place:other]
    elif how == 4:
        changed[place:place] = content[place:other]
    else:
        near = generator.randrange(min(len(content), 1500))  # the header, where most values decide something
        changed[near] ^= 1 << generator.randrange(8)
    return bytes(changed)


@pytest.fixture
def whole(dicom, recoded) -> list[bytes]:
    """Files of every kind that is read, with what a header can hold."""
    window = {"WindowCenter": 2000, "WindowWidth": 1000, "RescaleSlope": 1, "RescaleIntercept": -1024}
    files = [dicom(IMAGE, BitsStored=12, PatientOrientation=["R", "F"], **window)]
    contents = [files[0].read_bytes()]
    item = pydicom.Dataset()
    item.LUTDescriptor = [4096, 0, 16]
    item.add(DataElement(0x00283006, "OW", np.arange(4096, dtype="<u2").tobytes()))
    contents.append(dicom(IMAGE, BitsStored=12, VOILUTSequence=Sequence([item]), PixelPaddingValue=0).read_bytes())
    contents.append(
        dicom(IMAGE.astype(np.int16) - 2048, BitsStored=12, ModalityLUTSequence=Sequence([item])).read_bytes()
    )
    gray = (IMAGE >> 4).astype(np.uint8)
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    contents.append(dicom(gray, PixelData=np.dstack([gray] * 3).tobytes(), **colours).read_bytes())
    for codec in CODECS:
        path = dicom(gray) if codec == "JPEGBaselineProcess1" else dicom(IMAGE, BitsStored=12, **window)
        contents.append(recoded(path, codec).read_bytes())
    bare, stream = pydicom.Dataset(), BytesIO()
    for element in pydicom.dcmread(BytesIO(contents[0])):
        bare.add(element)
    pydicom.dcmwrite(stream, bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    contents.append(stream.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("L", "RGB", "RGBA", "P", "I;16"):
        image = Image.fromarray(IMAGE) if mode == "I;16" else Image.fromarray(gray).convert(mode)
        for encoder in ("PNG", *(("JPEG",) if mode in ("L", "RGB") else ())):
            stream = BytesIO()
            image.save(stream, encoder, exif=exif)
            contents.append(stream.getvalue())
    return contents


@pytest.mark.parametrize("count", [75, pytest.param(5_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_set_aside(whole, tmp_path, count):
    folder, generator = tmp_path / "mutants", random.Random(count)
    folder.mkdir()
    for number in range(count):
        content = whole[number % len(whole)]
        for _ in range(generator.choice([1, 1, 1, 3])):
            content = mutant(content, generator) if len(content) > 16 else content
        (folder / f"{number:05}").write_bytes(content)
    (folder / "whole").write_bytes(whole[0])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120 + count,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    message, slowest, strange = json.loads(ended.stdout)
    assert strange == []
    assert slowest < SECONDS
    assert message["whole"] == [32, 32]
    assert len(message) == count + 1
    refused = [reason for reason in message.values() if isinstance(reason, str)]
    assert count / 4 < len(refused) < count
    assert all(reason.isprintable() and len(reason) < 300 for reason in refused)

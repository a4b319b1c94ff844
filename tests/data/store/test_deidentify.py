import json
import string
from dataclasses import replace

import cv2
import numpy as np
import polars as pl
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from typer.testing import CliRunner

import hilum.cli
from hilum.data.collections import Dataset, read_collection
from hilum.data.dicom import DESCRIPTION, HEADER_TAGS, IDENTIFIERS, IMAGE_TAGS, PIXELS
from hilum.data.manifest import check_manifest
from hilum.data.patients import hashed, pseudonym
from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store, with_hashed_identifiers
from hilum.errors import HilumError
from hilum.notes import EXAMPLES, MEANINGS, Code, note, notes_as_data, read_notes

SALT = b"sixteen bytes or more"
TEXT = ("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT").split()
OWN = {"SOPClassUID", "SOPInstanceUID", "SpecificCharacterSet"}  # a file without them is no DICOM file
IMAGE = np.arange(256, dtype=np.uint8).reshape(16, 16)


def canary(tag: int) -> str:
    """A word that belongs to a tag; letters only, so that it is no number, date or age."""
    return "CANARY" + "".join(chr(ord("A") + int(digit, 16)) for digit in f"{tag:08x}")


def raw(tag: int, vr: str, word: str) -> RawDataElement:
    """An element as it stands in a file, whatever its type allows."""
    value = word.encode() + b" " * (len(word) % 2)
    return RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)


@pytest.fixture
def canaries(dicom):
    """A DICOM file with a word of its own in every standard text tag, nested and private ones too."""
    path = dicom(IMAGE, PatientID="patient-77", StudyInstanceUID="1.2.4", ViewPosition="PA", PatientAge="062Y")
    dataset = pydicom.dcmread(path)
    selected = {*IDENTIFIERS, *DESCRIPTION, *PIXELS, *OWN} - {"PatientOrientation", "BurnedInAnnotation"}
    words = {
        tag: canary(tag)
        for tag, (vr, *_) in DicomDictionary.items()
        if vr in TEXT and tag >> 16 >= 0x0008 and keyword_for_tag(tag) not in selected
    }
    for tag, word in words.items():
        dataset[tag] = raw(tag, DicomDictionary[tag][0], word)
    inner = pydicom.Dataset()
    inner[0x00100010] = raw(0x00100010, "PN", "CANARYNESTED")
    dataset.RequestAttributesSequence = [inner]
    block = dataset.private_block(0x0099, "CANARYPRIVATE", create=True)
    block.add_new(0x01, "LO", "CANARYPRIVATEVALUE")
    dataset.file_meta.SourceApplicationEntityTitle = "CANARYSENDER"
    dataset.save_as(path)
    assert len(words) > 2000
    assert path.read_bytes().count(b"CANARY") > len(words)
    return path


def everything_in(folder, printed):
    """All bytes of all files, and all values of all tables, for a table may be compressed."""
    yield printed.encode()
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                table = pl.read_parquet(path)
                yield json.dumps(table.to_dicts() + table.columns, default=str).encode()


@pytest.mark.parametrize("broken", ["whole", "modality", "cut short"])
def test_no_other_value_reaches_any_artifact_or_the_terminal(canaries, tmp_path, caplog, capfd, broken):
    root, out = tmp_path / "images", tmp_path / "out"
    root.mkdir()
    canaries.rename(root / "a.dcm")
    if broken == "modality":  # a canary where a reason might quote it
        dataset = pydicom.dcmread(root / "a.dcm")
        dataset[0x00080060] = raw(0x00080060, "CS", canary(0x00080060))
        dataset.save_as(root / "a.dcm")
    if broken == "cut short":
        content = (root / "a.dcm").read_bytes()
        (root / "b.dcm").write_bytes(content[: int(0.7 * len(content))])
    cv2.imwrite(str(root / "z.png"), IMAGE)  # so that there is always an image
    printed = ""
    for command in (
        ["ingest", "folder", root, "--out", out / "ingested"],
        ["ingest", "folder", root, "--out", out / "hashed", "--hash-patients", "env", "--json"],
        ["preview", out / "ingested", root, "--out", out / "sheet.html"],
    ):
        answer = CliRunner(env={"HILUM_PATIENT_SALT": SALT.decode()}).invoke(
            hilum.cli.make_app(), [str(word) for word in command], catch_exceptions=False
        )
        printed += answer.output
    manifest = pl.read_parquet(out / "ingested" / "manifest.parquet")
    build_store(manifest, root, parse_recipe([{"resize": 16}]), out / "store")
    printed += "".join(capfd.readouterr()) + caplog.text
    assert (manifest["image_id"].to_list() == ["z.png"]) == (broken == "modality")
    for content in everything_in(out, printed):
        assert b"CANARY" not in content.upper()
        assert SALT not in content
    for content in everything_in(out / "hashed", ""):
        assert b"patient-77" not in content
        assert b"1.2.4" not in content


def test_the_allow_lists_name_real_tags_and_no_identifier_is_read_with_the_pixels():
    for keyword in (*HEADER_TAGS, *IMAGE_TAGS):
        assert pydicom.datadict.tag_for_keyword(keyword) is not None, keyword
    assert not set(IMAGE_TAGS) & set(IDENTIFIERS)


@pytest.fixture
def dataset(images, tmp_path):
    manifest = images(["p1", "p1", "p2"]).with_columns(study_id=pl.Series(["s1", None, "s2"], dtype=pl.String))
    boxes = pl.DataFrame({"image_id": ["a0"], "finding": ["Mass"], "x": [1.0]})
    rejected = pl.DataFrame({"image_id": ["a9"], "path": ["a9.png"], "reason": ["empty file"]})
    notes = [
        note(Code.ROWS_WITHOUT_FILE, rows=1, table="labels.csv", examples="a2"),
        note(Code.UNCODED, text="a note of an earlier version about p1 (a1)"),
    ]
    return Dataset(manifest, boxes, tmp_path, "folder", notes, {}, rejected)


def test_patients_stay_together_and_tables_still_meet(dataset):
    hidden = with_hashed_identifiers(dataset, SALT)
    check_manifest(hidden.manifest, "manifest")
    assert hidden.manifest["patient_id"].to_list() == [pseudonym(patient, SALT) for patient in ("p1", "p1", "p2")]
    assert hidden.manifest["study_id"].to_list() == [hashed("s1", "study", SALT), None, hashed("s2", "study", SALT)]
    assert hidden.boxes["image_id"].item() == hidden.manifest["image_id"][0]
    assert hidden.rejected["image_id"].item() == hashed("a9", "image", SALT)
    assert hidden.manifest["path"].to_list() == dataset.manifest["path"].to_list()
    assert list(map(str, hidden.notes)) == [
        "1 rows of labels.csv have no file; allowed",
        "patients, studies and images have salted hashes as ids",
    ]


@pytest.mark.parametrize("code", [code for code in Code if "{examples}" in MEANINGS[code].text])
def test_no_example_of_a_note_is_in_a_hashed_data_set(dataset, code):
    names = {name for _, name, _, _ in string.Formatter().parse(MEANINGS[code].text) if name}
    shown = note(code, **dict.fromkeys(names - {EXAMPLES}, 7), examples="p1 = P01")
    assert "p1" in str(shown)
    hidden = with_hashed_identifiers(replace(dataset, notes=[*dataset.notes, shown]), SALT).notes
    assert [each.code for each in hidden] == [Code.ROWS_WITHOUT_FILE, code, Code.HASHED_IDS]
    written = json.dumps(notes_as_data(hidden))
    assert not any(word in written for word in ("p1", "P01", "a1", "a2"))
    assert read_notes(json.loads(written)) == hidden


def test_patients_of_a_public_data_set_in_a_table_of_ones_own_stay_known(dataset):
    manifest = dataset.manifest.with_columns(patient_id=pl.Series(["chestxray14:13", "folder:1", "p2"]))
    hidden = with_hashed_identifiers(replace(dataset, manifest=manifest), SALT).manifest["patient_id"]
    assert hidden.to_list() == ["chestxray14:13", pseudonym("folder:1", SALT), pseudonym("p2", SALT)]


def test_published_pseudonyms_are_not_hashed(dataset):
    with pytest.raises(HilumError, match="expected one of folder, uka_cxr, gb7_flg; found chestxray14"):
        with_hashed_identifiers(replace(dataset, name="chestxray14"), SALT)


def test_a_hashed_folder_is_still_read_by_its_paths(dicom, tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    dicom(IMAGE, PatientID="77").rename(root / "john.dcm")
    hidden = with_hashed_identifiers(read_collection("folder", root), SALT)
    store = build_store(hidden.manifest, root, parse_recipe([{"resize": 16}]), tmp_path / "store")
    assert store.image_ids == [hashed("john.dcm", "image", SALT)]
    assert np.array_equal(store.pixels[0], IMAGE)

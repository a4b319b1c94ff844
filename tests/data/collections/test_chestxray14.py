import gzip
import os
import time

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hilum.data.collections import read_collection
from hilum.data.counts import count_images
from hilum.errors import HilumError
from hilum.findings import CHESTXRAY14, NO_FINDING, labelled_spellings

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS = [
    "00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,No Finding,1,1,58,M,PA,2894,2729,0.143,0.143",
    "00000002_000.png,Pleural_Thickening,0,2,81,F,AP,2500,2048,0.168,0.168",
    "00000003_000.png,Hernia,0,3,74,F,PA,2500,2048,0.168,0.168",
]
BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Effusion,225.08,547.02,86.78,79.19\n"
BOXES += "00000003_000.png,Infiltrate,100,200,50,60.5\n"


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


@pytest.fixture
def native(tmp_path):
    """The native layout, with four images of three patients."""
    write(tmp_path, "Data_Entry_2017_v2020.csv", "\n".join([HEADER, *ROWS]))
    write(tmp_path, "BBox_List_2017.csv", BOXES)
    write(
        tmp_path, "train_val_list.txt", "00000001_000.png\n00000001_001.png\n00000002_000.png"
    )  # no newline at the end
    write(tmp_path, "test_list.txt", "00000003_000.png\n")
    zeros = " 0" * 14
    for part, names in (("train", ["00000003_000.png"]), ("val", ["00000002_000.png"]), ("test", ["00000001_000.png"])):
        write(tmp_path, f"chexnet_split/{part}_list.txt", "".join(f"{name}{zeros}\n" for name in names))
    for row in ROWS:
        write(tmp_path, f"images/{row.split(',')[0]}", "pixels are not read here")
    return tmp_path


def test_the_native_files_become_a_manifest(native):
    dataset = read_collection("chestxray14", native)
    image = dataset.manifest.row(0, named=True)
    assert {name: image[name] for name in image if image[name] not in (0, None)} == {
        "image_id": "00000001_000.png",
        "path": "images/00000001_000.png",
        "patient_id": "1",
        "view": "PA",
        "age": 57.0,
        "sex": "M",
        "split": "train_val",
        "split_chexnet": "test",
        "Cardiomegaly": 1,
        "Pleural Effusion": 1,
    }
    assert dataset.manifest["split"].to_list() == ["train_val"] * 3 + ["test"]
    assert dataset.manifest["split_chexnet"].to_list() == ["test", None, "val", "train"]
    assert dataset.manifest.select(*CHESTXRAY14, NO_FINDING).null_count().sum_horizontal().sum() == 0
    assert sorted(dataset.sources) == [
        "BBox_List_2017.csv",
        "Data_Entry_2017_v2020.csv",
        *(f"chexnet_split/{part}_list.txt" for part in ("test", "train", "val")),
        "test_list.txt",
        "train_val_list.txt",
    ]


def test_boxes_are_in_the_frame_of_1024_pixels_whatever_the_images_measure(native):
    assert read_collection("chestxray14", native).boxes.rows() == [
        ("00000001_000.png", "Pleural Effusion", 225.08, 547.02, 86.78, 79.19, 1024, 1024),
        ("00000003_000.png", "Infiltration", 100.0, 200.0, 50.0, 60.5, 1024, 1024),
    ]


@pytest.mark.parametrize("layout", ["flat", "parts"])
def test_images_are_found_where_the_native_set_has_them(native, layout):
    for number, path in enumerate(sorted((native / "images").iterdir()), start=1):
        folder = native if layout == "flat" else native / f"images_{3 * number:03d}" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    paths = read_collection("chestxray14", native).manifest["path"].to_list()
    assert all((native / path).is_file() for path in paths)
    assert paths[3] == ("00000003_000.png" if layout == "flat" else "images_012/images/00000003_000.png")


def test_gzipped_tables_say_the_same(native):
    plain = read_collection("chestxray14", native)
    for name in ("Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"):
        write(native, f"{name}.gz", (native / name).read_text())
        (native / name).unlink()
    for part in ("train", "val", "test"):
        write(native, f"chexnet_{part}_list.txt.gz", (native / "chexnet_split" / f"{part}_list.txt").read_text())
        (native / "chexnet_split" / f"{part}_list.txt").unlink()
    zipped = read_collection("chestxray14", native)
    assert zipped.manifest.equals(plain.manifest)
    assert zipped.boxes.equals(plain.boxes)


def test_the_first_release_is_read_with_its_ages_and_its_comma_at_the_end(native):
    rows = [ROWS[0].replace(",57,", ",057Y,"), ROWS[1].replace(",58,", ",414,"), *ROWS[2:]]
    write(
        native, "Data_Entry_2017.csv", "\n".join([HEADER + ",", *(row + "," for row in rows)]).replace("Hernia", "Mass")
    )
    newest, first = read_collection("chestxray14", native), read_collection("chestxray14", native, release="2017")
    assert newest.manifest["Mass"].sum() == 0
    assert first.manifest["Mass"].sum() == 1
    assert first.manifest["age"].to_list() == [57.0, None, 81.0, 74.0]
    assert "1 ages below 0 or beyond 120 years were set to blank" in map(str, first.notes)
    (native / "Data_Entry_2017_v2020.csv").unlink()
    assert read_collection("chestxray14", native).manifest.equals(first.manifest)
    with pytest.raises(HilumError, match=r"expected ChestX-ray14's table Data_Entry_2017_v2020.csv"):
        read_collection("chestxray14", native, release="2020")


def test_missing_images_are_counted_and_the_fix_is_named(native):
    (native / "images" / "00000002_000.png").unlink()
    (native / "images" / "00000003_000.png").unlink()
    with pytest.raises(HilumError, match=r"found 2 missing \(00000002_000.png, 00000003_000.png\).*--allow-missing"):
        read_collection("chestxray14", native)
    dataset = read_collection("chestxray14", native, allow_missing=True)
    assert dataset.manifest["path"].is_null().to_list() == [False, False, True, True]
    assert any(note.startswith("2 missing where an image") for note in map(str, dataset.notes))


def test_images_on_a_list_but_not_in_the_table_are_counted(native):
    write(native, "test_list.txt", "00000003_000.png\n00000009_000.png\n")
    with pytest.raises(HilumError, match=r"Data_Entry_2017_v2020.csv: .*found 1 missing \(00000009_000.png\)"):
        read_collection("chestxray14", native)
    assert len(read_collection("chestxray14", native, allow_missing=True).manifest) == 4


def test_what_is_not_there_is_noted(native):
    for name in ("BBox_List_2017.csv", "train_val_list.txt", "test_list.txt"):
        (native / name).unlink()
    write(native, "images/00000099_000.png", "")
    dataset = read_collection("chestxray14", native)
    assert dataset.boxes is None
    assert dataset.manifest["split"].null_count() == 4
    assert list(map(str, dataset.notes[1:])) == [
        "no official lists here: split is blank",
        "1 image files have no row in Data_Entry_2017_v2020.csv and were excluded",
        "no BBox_List_2017.csv here: no boxes",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (ROWS[0], "line 2: Image Index is '00000001_000.png', expected every image once"),
        ("00000004_000.png,Hernia,0,4,old,F,PA,1,1,1,1", "line 6: Patient Age is 'old', expected years"),
        ("00000004_000.png,Hernia,0,4,60,W,PA,1,1,1,1", "line 6: Patient Gender is 'W', expected F or M"),
        ("00000004_000.png,Hernia,0,,60,F,PA,1,1,1,1", "line 6: Patient ID is None, expected a number"),
        ("00000004_000.png,,0,4,60,F,PA,1,1,1,1", "line 6: Finding Labels is None"),
        (
            "00000004_000.png,Hernja,0,4,60,F,PA,1,1,1,1",
            "line 6: Finding Labels is 'Hernja', expected findings that ChestX-ray14 labels",
        ),
        (
            "00000004_000.png,Hernia|No Finding,0,4,60,F,PA,1,1,1,1",
            "line 6: Finding Labels is .*, expected findings, or No Finding, never both",
        ),
    ],
)
def test_a_wrong_line_of_the_table_is_named(native, line, message):
    write(native, "Data_Entry_2017_v2020.csv", "\n".join([HEADER, *ROWS, line]))
    with pytest.raises(HilumError, match=message):
        read_collection("chestxray14", native, allow_missing=True)


def test_a_missing_column_is_named(native):
    write(native, "Data_Entry_2017_v2020.csv", "\n".join([HEADER.replace("Patient ID", "Patient"), *ROWS]))
    with pytest.raises(HilumError, match="column 'Patient ID': expected, but missing"):
        read_collection("chestxray14", native)


def test_an_image_on_two_lists_and_a_patient_on_both_sides_are_refused(native):
    write(native, "test_list.txt", "00000003_000.png\n00000001_001.png\n")
    with pytest.raises(HilumError, match=r"expected every image on one list, once; found 00000001_001.png again"):
        read_collection("chestxray14", native)
    write(native, "train_val_list.txt", "00000001_000.png\n00000002_000.png\n")
    with pytest.raises(HilumError, match=r"split: .*found patient 1 in test and train_val"):
        read_collection("chestxray14", native)


def test_a_list_without_its_sister_is_refused(native):
    (native / "test_list.txt").unlink()
    with pytest.raises(HilumError, match=r"expected test_list.txt beside the other lists"):
        read_collection("chestxray14", native)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ("a,b\nc,d\n", "found 2 columns"),
        (BOXES + "00000001_000.png,Effusion,1,2,3\n", "line 4: expected 6 fields, as in the header; found 5"),
        (
            BOXES + "00000001_000.png,Effusive,1,2,3,4\n",
            "line 4: label is 'Effusive', expected a finding that ChestX-ray14 labels",
        ),
    ],
)
def test_a_wrong_table_of_boxes_is_refused(native, boxes, message):
    write(native, "BBox_List_2017.csv", boxes)
    with pytest.raises(HilumError, match=message):
        read_collection("chestxray14", native)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mimic", "."), "expected one of chestxray14, .* folder; found 'mimic'"),
        (("chestxray14", "absent"), "expected the data set's folder; found no such folder"),
        (("chestxray14", "."), "Data_Entry_2017.csv, plain or .gz; found neither"),
    ],
)
def test_a_wrong_name_or_folder_is_refused(tmp_path, arguments, message):
    with pytest.raises(HilumError, match=message):
        read_collection(arguments[0], tmp_path / arguments[1])


def test_options_of_another_collection_are_refused(native):
    with pytest.raises(HilumError, match="--labels: expected nothing for chestxray14"):
        read_collection("chestxray14", native, labels=native / "labels.csv")
    with pytest.raises(HilumError, match="--release: expected nothing for folder"):
        read_collection("folder", native, release="2020")
    with pytest.raises(HilumError, match="release: expected one of 2020, 2017; found '2019'"):
        read_collection("chestxray14", native, release="2019")


@pytest.mark.shared_data
def test_the_real_tables_give_the_published_counts_in_seconds(shared_data):
    started = time.process_time()
    dataset = read_collection("chestxray14", shared_data / "chestxray14_metadata", allow_missing=True)
    assert time.process_time() - started < 10
    manifest = dataset.manifest
    assert (len(manifest), manifest["patient_id"].n_unique()) == (112_120, 30_805)
    assert dict(manifest["split"].value_counts().iter_rows()) == {"train_val": 86_524, "test": 25_596}
    chexnet = dict(manifest["split_chexnet"].value_counts().iter_rows())
    assert chexnet == {"train": 78_468, "val": 11_219, "test": 22_433}
    assert (len(dataset.boxes), dataset.boxes["image_id"].n_unique()) == (984, 880)
    whole = count_images(manifest, manifest.select("image_id", pl.lit("all").alias("split")))
    # Class totals of images with one label: Elwirehardja et al. 2025 (Table 1), checked against the 2020 release
    assert dict(whole.select("finding", "single_label").iter_rows()) == {
        "Atelectasis": 4_215,
        "Cardiomegaly": 1_093,
        "Consolidation": 1_310,
        "Edema": 628,
        "Pleural Effusion": 3_955,
        "Emphysema": 892,
        "Fibrosis": 727,
        "Hernia": 110,
        "Infiltration": 9_547,
        "Mass": 2_139,
        "No Finding": 60_361,
        "Nodule": 2_705,
        "Pleural Thickening": 1_126,
        "Pneumonia": 322,
        "Pneumothorax": 2_194,
    }
    assert whole["single_label"].sum() == 91_324
    tested = count_images(manifest).filter(pl.col("split") == "test")
    assert tested["single_label"].sum() == 17_853


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "images", "patients"), [("chestxray14_sample", 500, 359), ("chestxray14_tiny64", 601, 147)]
)
def test_the_real_samples_are_read_whole(shared_data, name, images, patients):
    manifest = read_collection("chestxray14", shared_data / name).manifest
    assert (len(manifest), manifest["patient_id"].n_unique()) == (images, patients)
    assert manifest.null_count().select(pl.exclude("study_id")).sum_horizontal().item() == 0


def test_an_empty_list_holds_no_image(native):
    write(native, "test_list.txt", "")
    assert read_collection("chestxray14", native).manifest["split"].to_list() == ["train_val"] * 3 + [None]


def test_an_empty_table_is_refused(native):
    write(native, "Data_Entry_2017_v2020.csv", "")
    with pytest.raises(HilumError, match="Image Index"):
        read_collection("chestxray14", native)


def test_a_stray_copy_whose_name_is_not_utf8_is_left_out_by_a_printable_name(native):
    (native / "images" / os.fsdecode(b"copia de radiograf\xeda.png")).write_bytes(b"x")
    dataset = read_collection("chestxray14", native)
    assert len(dataset.manifest) == 4
    message = r"1 files or folders have names that are not UTF-8 (images/copia de radiograf\xeda.png) and were excluded"
    assert any(note.startswith(message) for note in map(str, dataset.notes))


def test_links_out_of_the_root_count_as_absent(native, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "a.png"
    other.touch()
    (native / "images" / "00000001_000.png").unlink()
    (native / "images" / "00000001_000.png").symlink_to(other)
    dataset = read_collection("chestxray14", native, allow_missing=True)
    assert dataset.manifest["path"].null_count() == 1
    assert any("1 links lead out of the root" in note for note in map(str, dataset.notes))


def labelled_as(root, labels):
    write(root, "Data_Entry_2017_v2020.csv", f"{HEADER}\na.png,{labels},0,1,57,M,PA,1,1,1,1\n")
    image = read_collection("chestxray14", root, allow_missing=True).manifest.row(0, named=True)
    return {finding for finding in (*CHESTXRAY14, NO_FINDING) if image[finding]}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(sorted(labelled_spellings("chestxray14"))), min_size=1, max_size=4), st.data())
def test_any_spelling_of_findings_gives_their_codes(tmp_path, spellings, data):
    meant = {labelled_spellings("chestxray14")[spelling] for spelling in spellings}
    dressed = [data.draw(st.sampled_from([str, str.upper, str.title, " {} ".format])) for _ in spellings]
    written = "|".join(dress(spelling) for dress, spelling in zip(dressed, spellings, strict=True))
    if NO_FINDING in meant and len(meant) > 1:
        with pytest.raises(HilumError, match=r"line 2: Finding Labels is .*, expected findings, or No Finding, never"):
            labelled_as(tmp_path, written)
    else:
        assert labelled_as(tmp_path, written) == meant


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        ("Pleural Thickening", {"Pleural Thickening"}),
        ("Infiltrate", {"Infiltration"}),
        ("Pleural Effusion", {"Pleural Effusion"}),
        ("Mass | Nodule", {"Mass", "Nodule"}),
        ("Oedema", {"Edema"}),
        ("Normal", {NO_FINDING}),
    ],
)
def test_accepted_spellings_are_no_negatives(tmp_path, labels, meant):
    assert labelled_as(tmp_path, labels) == meant


@pytest.mark.parametrize("labels", ["Fracture", "Tuberculosis", "Mass|Fracture", "Mass|", "sick"])
def test_a_finding_that_is_not_labelled_here_is_refused_by_line(tmp_path, labels):
    with pytest.raises(HilumError, match=r"line 2: Finding Labels is .*, expected findings that ChestX-ray14 labels"):
        labelled_as(tmp_path, labels)


def test_ages_in_months_weeks_and_days_are_years(native):
    rows = [
        row.replace(f",{old},", f",{new},")
        for row, old, new in zip(ROWS, (57, 58, 81, 74), ("058Y", "010M", "006W", "027D"), strict=True)
    ]
    write(native, "Data_Entry_2017_v2020.csv", "\n".join([HEADER, *rows]))
    ages = read_collection("chestxray14", native).manifest["age"].to_list()
    assert ages == pytest.approx([58, 10 / 12, 6 / 52.18, 27 / 365.25])


def test_patients_have_one_spelling_in_every_copy(native):
    plain = read_collection("chestxray14", native).manifest
    rows = [row.split(",") for row in ROWS]
    padded = [
        ",".join([*row[:3], f"{int(row[3]):08d}" if place else f"{row[3]}.0", *row[4:]])
        for place, row in enumerate(rows)
    ]
    write(native, "Data_Entry_2017_v2020.csv", "\n".join([HEADER, *padded]))
    again = read_collection("chestxray14", native)
    assert again.manifest.equals(plain)
    assert [note for note in map(str, again.notes) if "several spellings" in note and "00000001 = 1.0" in note]


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        (
            "Data_Entry_2017_v2020.csv",
            lambda text: text.replace(b",PA,", b",r\xf3n,"),
            "expected text, UTF-8; found byte 0xf3",
        ),
        ("test_list.txt", lambda text: text.decode().encode("utf-16"), "expected text, UTF-8; found UTF-16"),
        ("chexnet_split/val_list.txt", lambda text: text + b"\xff", "expected text, UTF-8; found byte 0xff in line 2"),
        (
            "Data_Entry_2017_v2020.csv",
            lambda text: text.replace(b"\n00000002", b'\n"00000002'),
            "an unclosed quote in line 4",
        ),
        ("Data_Entry_2017_v2020.csv", lambda text: text[:-20], "line 5: expected 11 fields, as in the header; found"),
        ("BBox_List_2017.csv", lambda text: text.replace(b"Effusion", b"N\xf3dulo"), "expected text, UTF-8"),
        (
            "BBox_List_2017.csv",
            lambda text: gzip.compress(text)[:-9],
            "expected a whole gzip file; found a truncated one",
        ),
    ],
)
def test_files_that_were_cut_or_encoded_otherwise_are_refused_by_name(native, name, spoil, message):
    (native / name).write_bytes(spoil((native / name).read_bytes()))
    with pytest.raises(HilumError, match=message) as caught:
        read_collection("chestxray14", native)
    assert str(caught.value).startswith(str(native / name))

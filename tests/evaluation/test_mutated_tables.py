"""Tables spoilt in every way, CSV and Parquet: read, or refused with a HilumError; never another error, never a
hang."""

import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.collections import read_collection
from hilum.errors import HilumError
from hilum.evaluation import evaluate_predictions, read_predictions, read_trained_on
from hilum.evaluation.predictions import read_table
from hilum.evaluation.tables import groups_by_column

ROWS = 30
HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
NAMES = ["PatientID", "patient", "Image", "filename", "fold", "split", "^y_.*$", "*", "", "y_mass", "p_mass", "sex"]
TYPES = ["Categorical", "Enum", "Decimal", "Float32", "Int8", "UInt64", "Int128", "Boolean", "Null", "Date", "Datetime"]
TYPES += ["Time", "Duration", "Binary", "List", "List of text", "Array", "Struct", "large numbers", "NaN", "blank text"]
BYTES = [b'"', b",", b"\n", b"\r", b";", b"\t", b"\0", b"\xff", b"\xfe", b"'", b"-", b"NaN", b"1e999", b'""', b"\xc3"]


def table(rng: np.random.Generator) -> pl.DataFrame:
    truth = rng.integers(0, 2, ROWS)
    return pl.DataFrame(
        {
            "image_id": [f"{row:08d}_000.png" for row in range(ROWS)],
            "patient_id": [f"{row // 2:08d}" for row in range(ROWS)],
            "split": rng.choice(["train", "val", "test"], ROWS, p=[0.1, 0.1, 0.8]),
            "sex": rng.choice(["F", "M"], ROWS),
            "age": rng.integers(20, 90, ROWS),
            "y_Mass": truth,
            "p_Mass": rng.random(ROWS),
        }
    ).filter(pl.int_range(ROWS) % 2 == 0)


def other_type(column: pl.Series, wanted: str, rng: np.random.Generator) -> pl.Series:
    rows = len(column)
    text = pl.Series([str(value) for value in column])
    whole = pl.Series(rng.integers(-2, 3, rows))
    if wanted in ("Categorical", "Enum"):
        return text.cast(pl.Categorical if wanted == "Categorical" else pl.Enum(text.unique().drop_nulls()))
    if wanted == "Decimal":
        return pl.Series([Decimal(int(number)) / 2 for number in whole], dtype=pl.Decimal(38, 2))
    if wanted in ("Float32", "Int8", "Int128", "Boolean", "Null"):
        return whole.cast(pl.Boolean) if wanted == "Boolean" else cast(whole, wanted)
    if wanted == "UInt64":
        return pl.Series(rng.integers(2**62, 2**63, rows, dtype=np.uint64))
    if wanted == "large numbers":
        return pl.Series(rng.choice([1e300, -1e300, 1e18, 2.0**60, 5e-324], rows))
    if wanted == "NaN":
        return pl.Series(rng.choice([float("nan"), float("inf"), -float("inf"), 0.5], rows))
    if wanted == "blank text":
        return pl.Series(rng.choice(["", " ", "NA", "nan", "x", "0", "1.0"], rows))
    values = {
        "Date": date(2020, 1, 2),
        "Datetime": datetime(2020, 1, 2, 3),
        "Time": datetime(2020, 1, 2, 3).time(),
        "Duration": timedelta(hours=1),
        "Binary": b"\xff\0",
        "List": [1, 2],
        "List of text": ["a"],
        "Struct": {"a": 1, "b": [2]},
    }
    if wanted == "Array":
        return pl.Series([[1, 2]] * rows, dtype=pl.Array(pl.Int64, 2))
    return pl.Series([values[wanted]] * rows)


def cast(column: pl.Series, wanted: str) -> pl.Series:
    return pl.Series([None] * len(column), dtype=pl.Null) if wanted == "Null" else column.cast(getattr(pl, wanted))


def mutated(rng: np.random.Generator) -> pl.DataFrame:
    frame = table(rng)
    for _ in range(rng.integers(1, 4)):
        name = str(rng.choice(frame.columns))
        column = frame[name]
        what = rng.integers(0, 8)
        if what < 4:
            column = other_type(column, str(rng.choice(TYPES)), rng)
        elif what == 4:
            column = column.set(pl.Series(rng.random(len(frame)) < 0.5), None)
        elif what == 5 and frame.width > 1:
            frame = frame.drop(pl.selectors.by_name(name))  # a name may look like a pattern
            continue
        elif what == 6:
            frame = frame.filter(pl.Series(rng.random(len(frame)) < 0.3))
            continue
        else:
            name = str(rng.choice(NAMES))
        frame = frame.with_columns(column.alias(name))
    return frame


def spoilt(content: bytes, rng: np.random.Generator) -> bytes:
    spoiled = bytearray(content)
    for _ in range(rng.integers(0, 3)):
        at = int(rng.integers(0, len(spoiled) + 1))
        what = rng.integers(0, 4)
        if what == 0:
            del spoiled[at:]
        elif what == 1:
            spoiled[at:at] = BYTES[rng.integers(len(BYTES))] * int(rng.integers(1, 3))
        elif what == 2:
            del spoiled[at : at + int(rng.integers(1, 40))]
        elif at < len(spoiled):
            spoiled[at] = int(rng.integers(0, 256))
    return bytes(spoiled)


def write(frame: pl.DataFrame, path: Path, rng: np.random.Generator) -> None:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
        whole = path.read_bytes()
        path.write_bytes(spoilt(whole, rng) if rng.random() < 0.3 else whole)
        return
    no_text = (pl.Binary, pl.Duration)
    plain = [name for name in frame.columns if not frame[name].dtype.is_nested() and frame[name].dtype not in no_text]
    encoding = str(rng.choice(["utf-8"] * 6 + ["utf-16", "latin-1"]))
    text = frame.select(frame[name] for name in plain).write_csv()
    path.write_bytes(spoilt(text.encode(encoding, errors="replace"), rng))


def evaluated(path: Path) -> None:
    read = read_predictions(path, held_out=True)
    evaluate_predictions([read], n_bootstrap=40, min_positive_patients=2)
    groups_by_column(read_table(path, what="groups"), ["sex", "age"], read.image_ids, where=str(path))


def trained_on(path: Path) -> None:
    known = read_trained_on(path)
    known.problems_of(pl.DataFrame({"image_id": ["a.png"], "patient_id": ["7"]}))


def labelled(path: Path) -> None:
    read_collection("folder", path.parent, labels=path, allow_missing=True)


def of_chestxray14(path: Path) -> None:
    if path.suffix == ".csv":
        root = path.parent / "CXR8"
        root.mkdir(exist_ok=True)
        rows = [line.split(",") for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
        body = [",".join([*row[:1], "Mass", "0", *row[1:2], "058Y", "F", "PA", *row[7:]]) for row in rows[1:]]
        content = "\n".join([HEADER, *body]).encode("utf-8", errors="surrogateescape")
        (root / "Data_Entry_2017_v2020.csv").write_bytes(content)
        (root / "test_list.txt").write_bytes(path.read_bytes())
        (root / "train_val_list.txt").write_bytes(b"")
        read_collection("chestxray14", root, allow_missing=True)


READERS = (evaluated, trained_on, labelled, of_chestxray14)


def try_all(folder: Path, seeds: range) -> None:
    outcomes = {"read": 0, "refused": 0}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        path = folder / f"mutated.{'parquet' if seed % 2 else 'csv'}"
        write(mutated(rng), path, rng)
        for reader in READERS:
            started = time.process_time()
            try:
                reader(path)
                outcomes["read"] += 1
            except HilumError:
                outcomes["refused"] += 1
            except BaseException as error:  # what must not be, with the seed that shows it
                raise AssertionError(f"seed {seed}, {reader.__name__}: {type(error).__name__}: {error}") from error
            assert time.process_time() - started < 30, f"seed {seed}, {reader.__name__} took too long"
    assert min(outcomes.values()) > len(seeds) / 20, outcomes  # neither all right nor all wrong


def test_no_mutated_table_ends_in_another_error(tmp_path):
    try_all(tmp_path, range(60))


@pytest.mark.slow
def test_no_mutated_table_of_five_thousand_ends_in_another_error(tmp_path):
    try_all(tmp_path, range(1_000, 6_000))

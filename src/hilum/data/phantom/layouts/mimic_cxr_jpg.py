"""Generated films in the native layout of MIMIC-CXR-JPG."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2

from hilum.data.phantom.film import render_film
from hilum.data.phantom.layouts.chexpert_labels import mentioned, read_by_radiologists
from hilum.data.phantom.layouts.films import in_proportion, shape_in_proportion
from hilum.data.phantom.layouts.writing import Written, draw_films, draws, manifest_of, new_data_set, one_of_a_block
from hilum.data.phantom.population import Film, films
from hilum.findings import CHEXPERT
from hilum.progress import ProgressReport, silent

METADATA_HEADER = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
"""First line of mimic-cxr-2.0.0-metadata.csv."""
OBSERVATIONS = tuple(sorted(CHEXPERT))
"""The 14 observations in the order of MIMIC-CXR-JPG's tables."""
_LIST = {"train": "train", "validate": "val", "test": "test"}
_PARTS = ("train",) * 7 + ("validate",) + ("test",) * 2
_FIRST_YEAR = 2110  # MIMIC moves every patient's dates into a century to come
_QUALITY = 95


def write(
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Written:
    """Write generated films as PhysioNet distributes MIMIC-CXR-JPG; whole or not at all. See `Writer`.

    The folder gets the metadata, split, chexpert and negbio tables (.csv.gz), the radiologist's table of the studies on
    the test list, MIMIC-IV's patients.csv.gz and files/pNN/pNNNNNNNN/sNNNNNNNN/*.jpg, one film a study and all frontal.
    NegBio's table differs from CheXpert's in one thing: it denies nothing but what the other denies of the pleura.
    """
    with new_data_set(root, images=images, size=size, seed=seed) as beside:
        population = films(seed, images)

        def draw(film: Film) -> None:
            path = beside / _path(film, seed)
            path.parent.mkdir(parents=True)
            pixels = in_proportion(render_film(film, size=size, seed=seed).pixels, film)
            cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

        draw_films(population, draw, workers=workers, on_progress=on_progress)
        codes = {film.image_id: mentioned(film, seed) for film in population}
        _write_tables(beside, population, codes, size, seed)
    return Written(manifest_of([_row(film, codes[film.image_id], seed) for film in population], CHEXPERT))


def by_negbio(codes: Mapping[str, int | None]) -> dict[str, int | None]:
    """What the second labeller makes of the same report."""
    pleural = ("Pneumothorax", "Pleural Effusion")
    return {name: None if code == 0 and name not in pleural else code for name, code in codes.items()}


def _write_tables(
    root: Path, population: Sequence[Film], codes: Mapping[str, Mapping[str, int | None]], size: int, seed: int
) -> None:
    labels = ",".join(["subject_id", "study_id", *OBSERVATIONS])
    tables = {
        "mimic-cxr-2.0.0-metadata.csv": [METADATA_HEADER, *(_metadata(film, size, seed) for film in population)],
        "mimic-cxr-2.0.0-split.csv": [
            "dicom_id,study_id,subject_id,split",
            *(f"{_dicom(film, seed)},{_study(film)},{_subject(film)},{_part(film, seed)}" for film in population),
        ],
        "mimic-cxr-2.0.0-chexpert.csv": [labels, *(_labels(film, codes[film.image_id]) for film in population)],
        "mimic-cxr-2.0.0-negbio.csv": [
            labels,
            *(_labels(film, by_negbio(codes[film.image_id])) for film in population),
        ],
        "patients.csv": ["subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod", *_people(population)],
    }
    for name, lines in tables.items():
        # without a time in the header, so that the same films give the same bytes
        (root / f"{name}.gz").write_bytes(gzip.compress(_text(lines), mtime=0))
    tested = [film for film in population if _part(film, seed) == "test"]
    read = [_labels(film, read_by_radiologists(film, seed)).partition(",")[2] for film in tested]
    lines = [labels.partition(",")[2], *read]
    (root / "mimic-cxr-2.1.0-test-set-labeled.csv").write_bytes(_text(lines))


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _metadata(film: Film, size: int, seed: int) -> str:
    rows, columns = shape_in_proportion(film, size)
    procedure = "CHEST (PORTABLE AP)" if film.view == "AP" else "CHEST (PA AND LAT)"
    meaning = "antero-posterior" if film.view == "AP" else "postero-anterior"
    stance = "Erect" if film.upright else "Recumbent"
    return (
        f"{_dicom(film, seed)},{_subject(film)},{_study(film)},{procedure},{film.view},{rows},{columns},"
        f"{_year(film)}0615,{80000 + film.follow_up}.125,{procedure},{meaning},{stance}"
    )


def _labels(film: Film, codes: Mapping[str, int | None]) -> str:
    written = ("" if codes[name] is None else f"{codes[name]}.0" for name in OBSERVATIONS)
    return ",".join([_subject(film), _study(film), *written])


def _people(population: Sequence[Film]) -> list[str]:
    first = {film.patient: film for film in reversed(population)}
    ages = [(film, film.age_at_first_film) for _, film in sorted(first.items())]
    return [f"{_subject(film)},{film.sex},{age},{_FIRST_YEAR},2011 - 2013," for film, age in ages]


def _row(film: Film, codes: Mapping[str, int | None], seed: int) -> dict[str, object]:
    return {
        "image_id": _dicom(film, seed),
        "path": _path(film, seed),
        "patient_id": _subject(film),
        "study_id": _study(film),
        "view": film.view,
        "age": float(film.age),
        "sex": film.sex,
        "split": _LIST[_part(film, seed)],
        **codes,
    }


def _part(film: Film, seed: int) -> str:
    return one_of_a_block(seed, "mimic_cxr_jpg", film.patient, _PARTS)


def _year(film: Film) -> int:
    return _FIRST_YEAR + film.age - film.age_at_first_film


def _subject(film: Film) -> str:
    return str(10_000_000 + film.patient * 7)


def _study(film: Film) -> str:
    return str(50_000_000 + film.patient * 100 + film.follow_up)


def _dicom(film: Film, seed: int) -> str:
    words = draws(seed, "mimic_cxr_jpg", film.image_id).integers(0, 2**32, 5)
    return "-".join(f"{int(word):08x}" for word in words)


def _path(film: Film, seed: int) -> str:
    return f"files/p{_subject(film)[:2]}/p{_subject(film)}/s{_study(film)}/{_dicom(film, seed)}.jpg"

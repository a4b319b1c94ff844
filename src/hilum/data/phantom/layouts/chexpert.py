"""Generated films in the native layout of CheXpert-v1.0-small."""

from collections.abc import Mapping
from pathlib import Path

import cv2

from hilum.data.phantom.film import render_film
from hilum.data.phantom.layouts.chexpert_labels import mentioned, read_by_radiologists
from hilum.data.phantom.layouts.films import in_proportion
from hilum.data.phantom.layouts.writing import Written, draw_films, manifest_of, new_data_set, one_of_a_block
from hilum.data.phantom.population import Film, films
from hilum.findings import CHEXPERT
from hilum.progress import ProgressReport, silent

FOLDER = "CheXpert-v1.0-small"
HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT)
"""First line of CheXpert's train.csv and valid.csv."""
_PARTS = ("train",) * 5 + ("valid",)
_QUALITY = 95
_OLDEST = 90  # and above


def write(
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Written:
    """Write generated films as Stanford distributes CheXpert; whole or not at all. See `Writer`.

    The folder gets CheXpert-v1.0-small/train.csv, valid.csv and {train,valid}/patientNNNNN/studyN/view1_frontal.jpg,
    one film a study and all frontal. Every sixth patient is in valid, against 200 of 65,240 in the real set, and is
    read by radiologists: codes 1.0 and 0.0 only. In train.csv findings that are barely visible are -1.0, and absent
    ones 0.0 or blank.
    """
    with new_data_set(root, images=images, size=size, seed=seed) as beside:
        population = films(seed, images)

        def draw(film: Film) -> None:
            path = beside / FOLDER / _name(film, seed)
            path.parent.mkdir(parents=True)
            pixels = in_proportion(render_film(film, size=size, seed=seed).pixels, film)
            cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

        draw_films(population, draw, workers=workers, on_progress=on_progress)
        codes = {film.image_id: _codes(film, seed) for film in population}
        for part in ("train", "valid"):
            listed = [film for film in population if _part(film, seed) == part]
            lines = [",".join(HEADER), *(_line(film, codes[film.image_id], seed) for film in listed)]
            (beside / FOLDER / f"{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    in_order = sorted(population, key=lambda film: _part(film, seed) == "valid")
    return Written(manifest_of([_row(film, codes[film.image_id], seed) for film in in_order], CHEXPERT))


def _part(film: Film, seed: int) -> str:
    return one_of_a_block(seed, "chexpert", film.patient, _PARTS)


def _patient(film: Film) -> str:
    return f"patient{film.patient:05d}"


def _age(film: Film) -> int:
    return min(film.age, _OLDEST)


def _name(film: Film, seed: int) -> str:
    return f"{_part(film, seed)}/{_patient(film)}/study{film.follow_up + 1}/view1_frontal.jpg"


def _codes(film: Film, seed: int) -> dict[str, int | None]:
    return mentioned(film, seed) if _part(film, seed) == "train" else read_by_radiologists(film, seed)


def _line(film: Film, codes: Mapping[str, int | None], seed: int) -> str:
    sex = "Female" if film.sex == "F" else "Male"
    written = ("" if codes[finding] is None else f"{codes[finding]}.0" for finding in CHEXPERT)
    return ",".join([f"{FOLDER}/{_name(film, seed)}", sex, str(_age(film)), "Frontal", film.view, *written])


def _row(film: Film, codes: Mapping[str, int | None], seed: int) -> dict[str, object]:
    name = _name(film, seed)
    return {
        "image_id": name,
        "path": f"{FOLDER}/{name}",
        "patient_id": _patient(film),
        "study_id": f"{_patient(film)}/study{film.follow_up + 1}",
        "view": film.view,
        "age": float(_age(film)),
        "sex": film.sex,
        "split": "val" if _part(film, seed) == "valid" else "train",
        **codes,
    }

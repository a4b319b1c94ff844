"""Generated films in the layout that Hilum takes for GB7-FLG's, so that the same reader takes both."""

from collections import Counter
from itertools import islice
from pathlib import Path

import polars as pl
from pydicom.uid import DigitalXRayImageStorageForPresentation

from hilum.data.phantom.dicom_writing import PLAIN, Encoding, write_dicom
from hilum.data.phantom.layouts.chosen import one_film_a_patient, severity, showing
from hilum.data.phantom.layouts.films import deep_film
from hilum.data.phantom.layouts.writing import Written, draw_films, manifest_of, new_data_set, one_of_a_block
from hilum.data.phantom.population import Film
from hilum.findings import NO_FINDING, labelled_by
from hilum.progress import ProgressReport, silent

LAYOUT = "gb7_flg"
FOLDERS = {"Pneumonia": "MD__20190111-1231_pnevmoniya/Undef", NO_FINDING: "MD__20200424__norma/Undef"}
"""Where the films of a class lie."""
_BITS = 12
_BLOCK = ("Pneumonia",) * 2 + (NO_FINDING,) * 7  # 28 and 99 of 127


def write(
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Written:
    """Write generated films as GB7-FLG's; whole or not at all. See `Writer`.

    Both folders get DICOM files without ending, of 12 bits and inverted (MONOCHROME1) every other one. Every film is
    of another patient and shows pneumonia or nothing.
    """
    with new_data_set(root, images=images, size=size, seed=seed) as beside:
        for folder in FOLDERS.values():
            (beside / folder).mkdir(parents=True)
        population, paths, numbers = [], {}, Counter[str]()
        for place, film in enumerate(islice(one_film_a_patient(seed, "PA"), images), start=1):
            label = one_of_a_block(seed, LAYOUT, place, _BLOCK)
            numbers[label] += 1
            paths[film.image_id] = f"{FOLDERS[label]}/IM{numbers[label]:06d}"
            shown = {label: severity(seed, LAYOUT, film)} if label != NO_FINDING else {}
            population.append(showing(film, shown))

        def draw(film: Film) -> None:
            _write_film(film, beside / paths[film.image_id], size, seed)

        draw_films(population, draw, workers=workers, on_progress=on_progress)
    return Written(_manifest(population, paths))


def _write_film(film: Film, path: Path, size: int, seed: int) -> None:
    header = {
        "Modality": "DX",
        "PatientID": str(film.patient),
        "PatientSex": film.sex,
        "PatientAge": f"{film.age:03d}Y",
        "ViewPosition": film.view,
    }
    pixels = deep_film(film, size=size, seed=seed, bits=_BITS)
    write_dicom(
        path,
        pixels,
        Encoding(PLAIN, _BITS, inverted=bool(film.patient % 2)),
        kind=DigitalXRayImageStorageForPresentation,
        name=f"{LAYOUT} {seed} {film.image_id}",
        header=header,
    )


def _manifest(population: list[Film], paths: dict[str, str]) -> pl.DataFrame:
    rows = [
        {
            "image_id": paths[film.image_id],
            "path": paths[film.image_id],
            "patient_id": str(film.patient),
            "view": film.view,
            "age": float(film.age),
            "sex": film.sex,
            "Pneumonia": int("Pneumonia" in film.severities),
            NO_FINDING: int(not film.severities),
        }
        for film in population
    ]
    return manifest_of(rows, list(labelled_by(LAYOUT))).sort("image_id")

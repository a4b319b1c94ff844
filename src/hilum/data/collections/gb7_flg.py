"""GB7-FLG, photofluorograms of a polyclinic in Kazan: 28 with pneumonia, 99 normal. Not public.

127 screening images of City Clinical Hospital No. 7, Kazan, of Kivotova's thesis (Innopolis University, 2021; Hilum's
study 5), whose section 3.2.4 states only these counts. Terms: the hospital's; ask the Laboratory of Artificial
Intelligence of Innopolis University, which received the images.

The authors' public code shows two folders, named after the class in Russian, each with subfolders of DICOM files
without extension. Hilum therefore reads and writes this layout:

    MD__20190111-1231_pnevmoniya/Undef/IM000001 …      any folder below the root with pnevmoniya in its name: Pneumonia
    MD__20200424__norma/Undef/IM000001 …               with norma in its name: No Finding

Files may be in the folder or in a subfolder, and may be DICOM, PNG or JPEG; other files are skipped and counted.

Manifest: `image_id` is the path; `patient_id` the DICOM header's PatientID, or the image's own if it is missing;
`view`, `age` and `sex` the header's. There is no published split: `split` is blank.
"""

from pathlib import Path

import polars as pl

from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles
from hilum.data.collections.native_images import with_headers
from hilum.data.images.gray import UnreadableImage
from hilum.data.patients import with_canonical_patients
from hilum.data.pixels import kind_of
from hilum.errors import HilumError
from hilum.findings import NO_FINDING, labelled_by
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent


def read(
    root: Path,
    *,
    allow_missing: bool = False,  # noqa: ARG001 (no table names a file that could be missing)
    on_progress: ProgressReport = silent,
) -> Dataset:
    """Read the folders of both classes; the layout is described in this module's docstring.

    Returns:
        Manifest with Pneumonia and No Finding (1 or 0), `patient_id`, `view`, `age` and `sex` of the DICOM headers, and
        no split.

    Raises:
        HilumError: No folder of a class; see `hilum.data.collections.read_collection`.
    """
    notes: list[Note] = []
    names = labelled_by("gb7_flg")
    files = ImageFiles(root)
    folders = {finding: _folders(root, names[finding]) for finding in ("Pneumonia", NO_FINDING)}
    lacking = [names[finding] for finding, named in folders.items() if not named]
    if lacking:
        raise HilumError(
            root,
            expected=f"folders with {' and '.join(names.values())} in their names",
            found=f"none with {' or '.join(lacking)}",
            fix="Give the folder that contains both as ROOT.",
        )
    listed = [
        files.listed(_with_subfolders(root, named), "").select(
            pl.col("path").alias("image_id"), "path", Pneumonia=pl.lit(int(finding == "Pneumonia"), dtype=pl.Int8)
        )
        for finding, named in folders.items()
    ]
    images = pl.concat(listed).sort("path").with_columns((1 - pl.col("Pneumonia")).cast(pl.Int8).alias(NO_FINDING))
    kinds = pl.Series("kind", [_kind(root / path) for path in images["path"]], dtype=pl.String)
    images = images.with_columns(kinds)
    if others := kinds.null_count():
        notes.append(note(Code.OTHER_FILES, files=others))
    images = images.drop_nulls("kind")
    images, rejected, remarks = with_headers(root, images, on_progress, notes, dicom=pl.col("kind") == "dicom")
    images, warnings = with_canonical_patients(images)
    notes += warnings
    if unknown := images["patient_id"].null_count():
        notes.append(note(Code.IMAGES_WITHOUT_PATIENT, images=unknown))
    images = images.with_columns(pl.coalesce("patient_id", "image_id").alias("patient_id"))
    manifest = as_manifest(images, "Pneumonia", NO_FINDING)
    return Dataset(manifest, None, root, "gb7_flg", [*notes, *files.notes()], {}, rejected, remarks=remarks)


def _folders(root: Path, word: str) -> list[str]:
    return sorted(path.name for path in _folders_in(root) if word in path.name.casefold())


def _with_subfolders(root: Path, folders: list[str]) -> list[str]:
    return [*folders, *(f"{name}/{path.name}" for name in folders for path in _folders_in(root / name))]


def _folders_in(folder: Path) -> list[Path]:
    """Return the subfolders, sorted; links are not followed."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _kind(path: Path) -> str | None:
    try:
        return kind_of(path)
    except UnreadableImage:
        return None

"""Input images: files, folders (recursively), DICOM studies and data sets, as one ordered list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.data.file_kinds import ENDINGS, kind_of_bytes
from hilum.data.images.gray import UnreadableImage
from hilum.data.paths import is_utf8, printable, visible_files
from hilum.data.pixels import first_bytes
from hilum.data.store import NamedData, is_ingested, read_ingested, read_named
from hilum.errors import HilumError

_DICOM_INDEX = "DICOMDIR"


@dataclass(frozen=True)
class InputImage:
    """Image to score.

    Attributes:
        image_id: Id, unique among the images of one call.
        path: Path of the file; None if a table names the image and there is no file.
        root: Resolved folder that must contain the path; None for a file given by itself.
        patient_id: Patient id in the tables of the data set; None if only the file may have one.
        patient: Full name of the patient (`hilum.data.patients.names`); None if the issuer is unknown.
        view, age: View and age in years in the tables; None if only the file may have them.
        content: Bytes of the file, if in memory (the path is then only a name); None: read from the path.
    """

    image_id: str
    path: Path | None
    root: Path | None = None
    patient_id: str | None = None
    patient: str | None = None
    view: str | None = None
    age: float | None = None
    content: bytes | None = None


def find_inputs(given: Sequence[str]) -> list[InputImage]:
    """List the images of command-line arguments, in order; those of a folder sorted by path.

    Args:
        given: Files, folders (PNG, JPEG and DICOM files at any depth), output of `hilum ingest`, or data sets in their
            native layout as NAME=FOLDER.

    Raises:
        HilumError: No such file or folder, no images, or a repeated image.
    """
    several = len(given) > 1
    images = [image for each in given for image in _images_of(each, several)]
    seen: set[str] = set()
    for image in images:
        if image.image_id in seen:
            fix = "Name it once."
            raise HilumError("INPUT", expected="every image once", found=f"{printable(image.image_id)} again", fix=fix)
        seen.add(image.image_id)
    return images


def _images_of(given: str, several: bool) -> list[InputImage]:
    path = Path(given)
    prefix = f"{given.rstrip('/')}/" if several else ""
    if path.is_dir():
        if is_ingested(path):
            return _of_data(read_ingested(path.name, path, {}), prefix)
        images = list(_of_folder(path, prefix))
        if not images:
            fix = "Give a folder with images."
            raise HilumError(path, expected="PNG, JPEG or DICOM images", found="none", fix=fix)
        return images
    if path.exists():
        return [InputImage(given if several else path.name, path)]
    if "=" in given:
        return _of_data(read_named(given), prefix)
    fix = "Check the path; a data set in its native layout is NAME=FOLDER."
    raise HilumError("INPUT", expected="a file or a folder", found=f"{printable(given)}, which is neither", fix=fix)


def _of_data(data: NamedData, prefix: str) -> list[InputImage]:
    root = data.dataset.root
    manifest = data.manifest
    patients = data.patients(manifest["image_id"].to_list())
    return [
        InputImage(
            image_id=prefix + row["image_id"],
            path=None if row["path"] is None else root / row["path"],
            root=root.resolve(),
            patient_id=row["patient_id"],
            patient=patient,
            view=row["view"],
            age=row["age"],
        )
        for row, patient in zip(manifest.iter_rows(named=True), patients, strict=True)
    ]


def _of_folder(root: Path, prefix: str) -> Iterator[InputImage]:
    inside = root.resolve()
    for path in visible_files(root):
        if path.name == _DICOM_INDEX or not is_utf8(path.name):
            continue
        if path.suffix.lower() not in ENDINGS:
            try:
                if kind_of_bytes(first_bytes(path)) is None:
                    continue
            except UnreadableImage:
                continue
        yield InputImage(prefix + printable(path.relative_to(root).as_posix()), path, inside)

"""Inference of the patients of images in a folder.

Sources, in this order: the patient id of the labels; the PatientID of the DICOM header; the part of the path that
equals the patient id in all images whose id is known; identical file content. Other images have no known patient.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import polars as pl

from hilum.data.patients.same_files import same_files
from hilum.data.tables import some
from hilum.notes import Code, Note, note

_FEWEST_PATIENTS = 3
"""Number of patients whose paths must agree before a part of the path is used as the patient id."""
_MOST_IMAGES, _TIMES_AS_MANY = 10, 2
"""A patient known only from a path has at most so many images, or so many times those of any labelled patient."""
_YEARS = range(1950, 2051)
_Place = tuple[str, int]


def find_patients(images: pl.DataFrame, root: Path) -> tuple[pl.DataFrame, list[Note]]:
    """Find the patient of every image.

    Args:
        images: `image_id`, `path` (null without a file), `patient_id` (of the labels, or null), `header_id` (of the
            DICOM header, or null).
        root: Folder of the paths.

    Returns:
        The images without `header_id`, with `patient_id` filled, and `patient_known`: false if the id is the image's
        own, or one of a DICOM header that cannot be compared with the ids of the labels. And a note for each way of
        inference that was used.
    """
    notes: list[Note] = []
    ids, known = images["patient_id"].to_list(), images["patient_id"].is_not_null().to_list()
    ids, known = _by_header(ids, known, images["header_id"].to_list(), notes)
    ids, known = _by_path(ids, known, images["path"].to_list(), notes)
    paths = [None if path is None else root / path for path in images["path"]]
    ids, known = _by_bytes(ids, known, paths, images["image_id"].to_list(), notes)
    if alone := known.count(False):
        notes.append(note(Code.IMAGES_WITHOUT_PATIENT, images=alone))
    found = images.drop("header_id").with_columns(
        pl.Series("patient_id", ids, dtype=pl.String), pl.Series("patient_known", known, dtype=pl.Boolean)
    )
    return found, notes


_Ids = list[str | None]


def _by_header(ids: _Ids, known: list[bool], headers: _Ids, notes: list[Note]) -> tuple[_Ids, list[bool]]:
    """Use ids of DICOM headers if they are of one kind with those of the labels, or map one to one to them."""
    open_rows = [row for row, header in enumerate(headers) if not known[row] and header is not None]
    if not open_rows:
        return ids, known
    given = {str(each) for each, is_known in zip(ids, known, strict=True) if is_known}
    pairs = {(header, ids[row]) for row, header in enumerate(headers) if known[row] and header is not None}
    renamed = {str(header): str(each) for header, each in pairs}
    found = {str(headers[row]) for row in open_rows}
    if not given or (pairs and all(header == each for header, each in pairs)) or (not pairs and found & given):
        named = {header: header for header in found}  # the same kind of ids
    elif pairs and len(renamed) == len(pairs):
        named = {header: renamed[header] for header in found if header in renamed}
        if given <= set(renamed.values()):  # all headers of labelled patients are known: others are new patients
            named |= {header: header for header in found if header not in renamed and header not in given}
    else:
        ids = [headers[row] if row in set(open_rows) else each for row, each in enumerate(ids)]
        notes.append(note(Code.HEADERS_OF_OTHER_IDS, images=len(open_rows)))
        return ids, known
    compared = [row for row in open_rows if str(headers[row]) in named]
    apart = [row for row in open_rows if str(headers[row]) not in named and headers[row] not in given]
    ids, known = [*ids], [*known]
    for row in compared:
        ids[row], known[row] = named[str(headers[row])], True
    for row in apart:  # one person, possibly a labelled patient without header
        ids[row] = headers[row]
    if given and compared:
        notes.append(note(Code.PATIENTS_FROM_HEADERS, images=len(compared)))
    if apart:
        notes.append(note(Code.HEADERS_OF_UNKNOWN_PATIENTS, images=len(apart)))
    return ids, known


def _by_path(ids: _Ids, known: list[bool], paths: _Ids, notes: list[Note]) -> tuple[_Ids, list[bool]]:
    """Use the part of the path that equals the id in all images whose id is known."""
    of_known = [(str(paths[row]), str(ids[row])) for row, is_known in enumerate(known) if is_known and paths[row]]
    open_rows = [row for row, each in enumerate(ids) if each is None and paths[row] is not None]
    patients = {each for _, each in of_known}
    if len(patients) < _FEWEST_PATIENTS or not open_rows:
        return ids, known
    for bare in (str.casefold, _number):
        named = {bare(each): each for each in patients}
        if len(named) < len(patients):
            continue
        for place in dict(_parts(of_known[0][0])):
            if all(bare(dict(_parts(path)).get(place, "")) == bare(each) for path, each in of_known):
                forms = {_form(dict(_parts(path))[place]) for path, _ in of_known}
                return _read_off(ids, known, paths, open_rows, place, bare, named, forms, notes)
    return ids, known


def _read_off(
    ids: _Ids,
    known: list[bool],
    paths: _Ids,
    rows: list[int],
    place: _Place,
    bare: Callable[[str], str],
    named: Mapping[str, str],
    forms: set[str],
    notes: list[Note],
) -> tuple[_Ids, list[bool]]:
    """Read ids from paths; an unknown part of an id's form is a new patient ("p31", but not "archive")."""
    ids, known = [*ids], [*known]
    part_of = {row: part for row in rows if (part := dict(_parts(str(paths[row]))).get(place)) is not None}
    of_labels = {row: named[bare(part)] for row, part in part_of.items() if bare(part) in named}
    others: dict[str, list[int]] = {}
    for row, part in part_of.items():
        if row not in of_labels and _form(part) in forms and re.search(r"\d", part):
            others.setdefault(bare(part), []).append(row)
    images_of = Counter(str(each) for each, is_known in zip(ids, known, strict=True) if is_known)
    most = max(_MOST_IMAGES, _TIMES_AS_MANY * max(images_of.values()))
    dates = not any(_is_date(str(each)) for each in named.values())  # if no known id is a date, dates are not ids
    numbers = {part: of for part, of in others.items() if len(of) > most or (dates and _is_date(part_of[of[0]]))}
    patients = {part: of for part, of in others.items() if part not in numbers}
    for row, patient in of_labels.items():
        ids[row], known[row] = patient, True
    for of in patients.values():
        for row in of:
            ids[row], known[row] = part_of[of[0]], True
    what, number = place
    where = f"part {number + 1} of the file name" if what == "name" else f"folder {number + 1} of the path"
    if found := len(of_labels) + sum(map(len, patients.values())):
        notes.append(note(Code.PATIENTS_FROM_PATHS, images=found, where=where))
    for code, parts in ((Code.PATIENTS_OF_PATHS_ONLY, patients), (Code.NUMBERS_FOR_PATIENTS, numbers)):
        if parts:
            examples = some([part_of[of[0]] for of in parts.values()])
            images = sum(map(len, parts.values()))
            notes.append(note(code, images=images, patients=len(parts), where=where, examples=examples))
    return ids, known


def _is_date(part: str) -> bool:
    """Return true for a year, month or day as in folder names: 2019, 201903, 20190312, 2019-03-12."""
    found = re.fullmatch(r"(\d{4})[-_.]?(\d{2})?[-_.]?(\d{2})?", part)
    if found is None or int(found[1]) not in _YEARS:
        return False
    return all(not each or 1 <= int(each) <= most for each, most in zip(found.groups()[1:], (12, 31), strict=True))


def _by_bytes(
    ids: _Ids, known: list[bool], paths: list[Path | None], image_ids: list[str], notes: list[Note]
) -> tuple[list[str], list[bool]]:
    """Give an image without a patient that of an image with the same content, or an id of its own."""
    filled = [image_id if each is None else each for each, image_id in zip(ids, image_ids, strict=True)]
    known, found = [*known], 0
    for group in same_files(paths, worth_reading=lambda rows: any(ids[row] is None for row in rows)):
        first = min(group, key=lambda row: (not known[row], ids[row] is None, row))
        for row in group:
            if ids[row] is None and row != first:
                filled[row], known[row], found = filled[first], known[first], found + 1
    if found:
        notes.append(note(Code.PATIENTS_FROM_COPIES, images=found))
    return filled, known


def _parts(path: str) -> Iterator[tuple[_Place, str]]:
    """Yield the folders from the top and the parts of the file's name, each with its place."""
    pure = PurePosixPath(path)
    for number, folder in enumerate(pure.parts[:-1]):
        yield ("folder", number), folder
    for number, part in enumerate(part for part in re.split(r"[^A-Za-z0-9]+", pure.stem) if part):
        yield ("name", number), part


def _number(text: str) -> str:
    """Return the number at the end of "patient00017", "p17" and "17"; any other text unchanged."""
    form = re.fullmatch(r"[a-z]*0*(\d+)", text.casefold())
    return form.group(1) if form else text.casefold()


def _form(part: str) -> str:
    """Return lower-case letters with each number replaced by one 0: "p0" for "P0031"."""
    return re.sub(r"\d+", "0", part.casefold())

"""Results of images as DICOM files.

Files::

    DIRECTORY/<image_id>/report.dcm                        the structured report
    DIRECTORY/<image_id>/<finding>.dcm                     the heat map of a finding that is called
    DIRECTORY/presentation_states/<series UID>[-<n>].dcm   the boxes of heat maps on the images of a series; several
                                                           where its images are of several sizes or scales of gray
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hilum.artifacts import whole_file
from hilum.data.images.gray import UnreadableImage
from hilum.data.preprocess import Recipe
from hilum.errors import HilumError
from hilum.explanation.localisation import boxes_of_map
from hilum.prediction.inputs import InputImage
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.map_files import folder_of, maps_on_images

if TYPE_CHECKING:
    from hilum.prediction.dicom_out.displayed import DisplayedImage

REPORT = "report.dcm"
STATES = "presentation_states"
_REPORTS, _CAPTURES, _STATES = 9001, 9002, 9003  # series numbers, beyond those that a modality gives


FoundBoxes: TypeAlias = dict[str, list[list[float]]]
"""By finding that is called, boxes as left, top, right and bottom in pixels of the stored image, the highest first."""


@dataclass(frozen=True)
class ScoredDicom:
    """An image whose results were written, as the presentation state of its series wants it.

    Attributes:
        path: of the image.
        probabilities: (F,), 0 to 1.
        boxes: of its heat maps; empty where nothing is called.
    """

    path: Path
    probabilities: NDArray[np.floating]
    boxes: FoundBoxes


def check_highdicom() -> None:
    """Refuse to go on without the library that writes the objects.

    Raises:
        HilumError: it is not installed.
    """
    if find_spec("highdicom") is None:
        fix = "Install it: pip install 'hilum[dicom-out]'."
        raise HilumError("--dicom", expected="the package highdicom", found="none", fix=fix)


def write_dicom_results(
    model: PackagedClassifier,
    images: Sequence[InputImage],
    pixels: NDArray[np.uint8],
    probabilities: NDArray[np.floating],
    directory: Path,
    method: str = "gradcam",
) -> list[FoundBoxes | None]:
    """Write the results of images that are DICOM files, each file whole or not at all.

    Args:
        model: that scored them.
        images: N; those that are no DICOM files with the ids of a study are passed over.
        pixels: preprocessed, (N, S, S).
        probabilities: (N, F), 0 to 1.
        directory: that the files go into.
        method: of the heat maps, as in `maps_on_images`.

    Returns:
        N: boxes of the heat maps on the stored pixels, for `write_presentation_states`; None for an image that nothing
        was written of, or that is in colour.

    Raises:
        HilumError: a method of heat maps that has no meaning for the encoder.
    """
    import highdicom as hd

    from hilum.prediction.dicom_out.displayed import read_displayed
    from hilum.prediction.dicom_out.heat_map_captures import capture_of
    from hilum.prediction.dicom_out.reports import report_of
    from hilum.prediction.dicom_out.source import NoStudy, read_source

    called = probabilities.astype(np.float64) >= model.description.thresholds
    found: list[FoundBoxes | None] = [None] * len(images)
    for row, image in enumerate(images):
        try:
            if image.path is None:
                continue
            source = read_source(image.path)
        except NoStudy:
            continue
        folder = folder_of(directory, image.image_id)
        with _quiet_names():
            report = report_of(model, source, probabilities[row], hd.UID(), _REPORTS)
        _save(report, folder / REPORT)
        wanted = [model.description.findings[at] for at in np.flatnonzero(called[row])]
        series = hd.UID()
        maps = maps_on_images(model, pixels[row : row + 1], [each.name for each in wanted], method)[0] if wanted else ()
        for instance, (described, heat) in enumerate(zip(wanted, maps, strict=True), start=1):
            with _quiet_names():
                capture = capture_of(
                    model, source, described, pixels[row], heat, series, number=_CAPTURES, instance=instance
                )
            _save(capture, folder / f"{described.name.replace('/', ' or ')}.dcm")
        displayed = read_displayed(image.path)
        if displayed is not None:
            names = [each.name for each in wanted]
            found[row] = _boxes_on(displayed, model.recipe, dict(zip(names, maps, strict=True)))
    return found


def write_presentation_states(model: PackagedClassifier, images: Iterable[ScoredDicom], directory: Path) -> int:
    """Write the presentation states of all series with a box, each file whole or not at all.

    Args:
        model: that scored the images.
        images: all that `write_dicom_results` gave boxes for, in the order of the inputs.
        directory: as there.

    Returns:
        How many were written.
    """
    from hilum.prediction.dicom_out.displayed import read_displayed
    from hilum.prediction.dicom_out.presentation_states import BoxedImage, state_of
    from hilum.prediction.dicom_out.source import NoStudy

    groups: dict[tuple[object, ...], list[BoxedImage]] = {}
    for scored in images:
        try:
            displayed = read_displayed(scored.path)
        except (NoStudy, UnreadableImage):
            continue  # changed since it was scored
        if displayed is not None:
            boxes = {finding: np.array(values) for finding, values in scored.boxes.items()}
            groups.setdefault(displayed.group, []).append(BoxedImage(displayed, scored.probabilities, boxes))
    written: dict[str, int] = {}
    for members in groups.values():
        if any(each.boxes for each in members):
            series = str(members[0].image.source.SeriesInstanceUID)
            written[series] = written.get(series, 0) + 1
            name = series if written[series] == 1 else f"{series}-{written[series]}"
            with _quiet_names():
                state = state_of(model, members, _STATES)
            _save(state, directory / STATES / f"{name}.dcm")
    return sum(written.values())


def _boxes_on(image: "DisplayedImage", recipe: Recipe, maps: Mapping[str, NDArray[np.float32]]) -> FoundBoxes:
    from hilum.prediction.dicom_out.displayed import boxes_on_stored
    from hilum.prediction.dicom_out.presentation_states import with_area

    rows, columns = int(image.source.Rows), int(image.source.Columns)
    found = {}
    for finding, heat in maps.items():
        boxes, _ = boxes_of_map(heat)
        stored = with_area(boxes_on_stored(boxes, recipe, rows, columns, image.turn))
        if len(stored):
            found[finding] = [[float(value) for value in box] for box in stored]
    return found


@contextmanager
def _quiet_names() -> Iterator[None]:
    """Without highdicom's warning of an unusual patient's name, which quotes it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*intended person name")
        yield


def _save(content: Dataset, path: Path) -> None:
    with whole_file(path) as beside:
        content.save_as(beside, enforce_file_format=True)

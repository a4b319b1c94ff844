"""Results of images as DICOM files.

Files::

    DIRECTORY/<image_id>/report.dcm                        structured report
    DIRECTORY/<image_id>/<finding>.dcm                     heat map of a called finding
    DIRECTORY/presentation_states/<series UID>[-<n>].dcm   boxes of heat maps on the images of a series; several files
                                                           for images of different sizes or scales of gray
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
_REPORTS, _CAPTURES, _STATES = 9001, 9002, 9003  # series numbers beyond those of modalities


FoundBoxes: TypeAlias = dict[str, list[list[float]]]
"""Boxes of each called finding: left, top, right and bottom in pixels of the stored image, highest score first."""


@dataclass(frozen=True)
class ScoredDicom:
    """Scored DICOM image, for the presentation state of its series.

    Attributes:
        path: Path of the image.
        probabilities: Probabilities (F,), 0 to 1.
        boxes: Boxes of its heat maps; empty if no finding is called.
    """

    path: Path
    probabilities: NDArray[np.floating]
    boxes: FoundBoxes


def check_highdicom() -> None:
    """Check that highdicom, which writes the objects, is installed.

    Raises:
        HilumError: It is not installed.
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
    """Write the results of DICOM images, each file completely or not at all.

    Args:
        model: Model that scored the images.
        images: N images; those that are not DICOM files with the ids of a study are skipped.
        pixels: Preprocessed images (N, S, S).
        probabilities: Probabilities (N, F), 0 to 1.
        directory: Directory to write to.
        method: Heat map method, as in `maps_on_images`.

    Returns:
        For each of the N images, boxes of the heat maps on the stored pixels, for `write_presentation_states`; None for
        skipped images and colour images.

    Raises:
        HilumError: A heat map method that is not defined for the encoder.
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
    """Write the presentation states of all series with a box, each file completely or not at all.

    Args:
        model: Model that scored the images.
        images: All images with boxes from `write_dicom_results`, in the order of the inputs.
        directory: The same directory.

    Returns:
        Number of files.
    """
    from hilum.prediction.dicom_out.displayed import read_displayed
    from hilum.prediction.dicom_out.presentation_states import BoxedImage, state_of
    from hilum.prediction.dicom_out.source import NoStudy

    groups: dict[tuple[object, ...], list[BoxedImage]] = {}
    for scored in images:
        try:
            displayed = read_displayed(scored.path)
        except (NoStudy, UnreadableImage):
            continue  # the file changed since it was scored
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
    """Suppress highdicom's warning about unusual patient names, which quotes the name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*intended person name")
        yield


def _save(content: Dataset, path: Path) -> None:
    with whole_file(path) as beside:
        content.save_as(beside, enforce_file_format=True)

"""Results of images as DICOM files.

DIRECTORY/<image_id>/report.dcm          the structured report
DIRECTORY/<image_id>/<finding>.dcm       the heat map of a finding that is called
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hilum.artifacts import whole_file
from hilum.errors import HilumError
from hilum.prediction.inputs import InputImage
from hilum.prediction.loading import LoadedClassifier
from hilum.prediction.map_files import folder_of, maps_on_images

REPORT = "report.dcm"
_REPORTS, _CAPTURES = 9001, 9002  # series numbers, beyond those that a modality gives


def check_highdicom() -> None:
    """Refuse to go on without the library that writes the objects.

    Raises:
        HilumError: it is not installed.
    """
    if find_spec("highdicom") is None:
        fix = "Install it: pip install 'hilum[dicom-out]'."
        raise HilumError("--dicom", expected="the package highdicom", found="none", fix=fix)


def write_dicom_results(
    model: LoadedClassifier,
    images: Sequence[InputImage],
    pixels: NDArray[np.uint8],
    probabilities: NDArray[np.floating],
    directory: Path,
    method: str = "gradcam",
) -> int:
    """Write the results of images that are DICOM files, each file whole or not at all.

    Args:
        model: that scored them.
        images: N; those that are no DICOM files with the ids of a study are passed over.
        pixels: preprocessed, (N, S, S).
        probabilities: (N, F), 0 to 1.
        directory: that the files go into.
        method: of the heat maps, as in `maps_on_images`.

    Returns:
        For how many images results were written.

    Raises:
        HilumError: a method of heat maps that has no meaning for the encoder.
    """
    import highdicom as hd

    from hilum.prediction.dicom_out.heat_map_captures import capture_of
    from hilum.prediction.dicom_out.reports import report_of
    from hilum.prediction.dicom_out.source import NoStudy, read_source

    called = probabilities.astype(np.float64) >= model.description.thresholds
    written = 0
    for row, image in enumerate(images):
        try:
            if image.path is None:
                continue
            source = read_source(image.path)
        except NoStudy:
            continue
        folder = folder_of(directory, image.image_id)
        _save(report_of(model, source, probabilities[row], hd.UID(), _REPORTS), folder / REPORT)
        wanted = [model.description.findings[at] for at in np.flatnonzero(called[row])]
        series = hd.UID()
        maps = maps_on_images(model, pixels[row : row + 1], [each.name for each in wanted], method)[0] if wanted else ()
        for instance, (described, heat) in enumerate(zip(wanted, maps, strict=True), start=1):
            capture = capture_of(
                model, source, described, pixels[row], heat, series, number=_CAPTURES, instance=instance
            )
            _save(capture, folder / f"{described.name.replace('/', ' or ')}.dcm")
        written += 1
    return written


def _save(content: Dataset, path: Path) -> None:
    with whole_file(path) as beside:
        content.save_as(beside, enforce_file_format=True)

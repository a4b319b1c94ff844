"""Display of a DICOM image in a presentation state: gray-scale transformations, and boxes on stored pixels."""

from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.pr import SoftcopyVOILUTTransformation
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hilum.data.dicom import DisplayWindow, LookupTable, read_display
from hilum.data.images import Turn
from hilum.data.preprocess import Recipe, plane_of
from hilum.prediction.dicom_out.source import read_source


@dataclass(frozen=True)
class DisplayedImage:
    """Image for a presentation state.

    Attributes:
        source: Header of `read_source`, with Rows, Columns and SamplesPerPixel.
        modality: Modality LUT, or slope and intercept; None if the header has none.
        interest: VOI LUT or window of the display; None for the full range of values.
        inverted: True if low values are bright (MONOCHROME1).
        turn: Rotation or reflection that makes the image upright, as the model takes it.
    """

    source: Dataset
    modality: LookupTable | tuple[float, float] | None
    interest: LookupTable | DisplayWindow | None
    inverted: bool
    turn: Turn

    @property
    def group(self) -> tuple[object, ...]:
        """Key of images that can share a presentation state: same series, size and scale of gray."""
        table = self.modality.entries.tobytes() if isinstance(self.modality, LookupTable) else self.modality
        size = (int(self.source.Rows), int(self.source.Columns))
        return (str(self.source.StudyInstanceUID), str(self.source.SeriesInstanceUID), size, table, self.inverted)

    def modality_transformation(self) -> hd.ModalityLUTTransformation | None:
        """Return the modality transformation; None if there is none, or a LUT with a negative first value."""
        if isinstance(self.modality, LookupTable):
            if self.modality.first < 0:
                return None
            table = hd.ModalityLUT("US", self.modality.first, self.modality.entries.astype(np.uint16))
            return hd.ModalityLUTTransformation(modality_lut=table)
        if self.modality is None:
            return None
        slope, intercept = self.modality
        return hd.ModalityLUTTransformation(rescale_intercept=intercept, rescale_slope=slope, rescale_type="US")

    def interest_transformation(self) -> SoftcopyVOILUTTransformation | None:
        """Return the VOI transformation of this image; None as for the modality transformation."""
        references = hd.ReferencedImageSequence([self.source])
        if isinstance(self.interest, LookupTable):
            if self.interest.first < 0:
                return None
            table = hd.VOILUT(self.interest.first, self.interest.entries.astype(np.uint16))
            return SoftcopyVOILUTTransformation(voi_luts=[table], referenced_images=references)
        if self.interest is None:
            return None
        return SoftcopyVOILUTTransformation(
            window_center=self.interest.center,
            window_width=self.interest.width,
            voi_lut_function=self.interest.function,
            referenced_images=references,
        )


def read_displayed(path: Path) -> DisplayedImage | None:
    """Read the display parameters of an image; None for a colour image.

    Args:
        path: Path of a readable radiograph.

    Raises:
        NoStudy: As `read_source`.
        UnreadableImage: The file cannot be read any more.
    """
    source = read_source(path)
    shown = read_display(path)
    if shown.meaning not in ("MONOCHROME1", "MONOCHROME2"):
        return None
    source.Rows, source.Columns, source.SamplesPerPixel = shown.rows, shown.columns, 1
    return DisplayedImage(source, shown.modality, shown.interest, shown.meaning == "MONOCHROME1", shown.turn)


def boxes_on_stored(
    boxes: NDArray[np.float64], recipe: Recipe, rows: int, columns: int, turn: Turn
) -> NDArray[np.float64]:
    """Transform boxes on the preprocessed square to the stored pixels of the file.

    Args:
        boxes: Boxes (K, 4): left, top, width and height, as fractions of the square.
        recipe: Preprocessing.
        rows, columns: Size of the stored image.
        turn: Rotation or reflection that makes it upright.

    Returns:
        Boxes (K, 4): left, top, right and bottom in pixels, from 0 at the outer edge of the first pixel to `columns`
        and `rows`, as in Graphic Data (0070,0022). Boxes are clipped to the image: a box inside the padding has no
        width or no height.
    """
    height, width = (columns, rows) if turn.swap else (rows, columns)
    left, top, across, down = plane_of(recipe, height, width)
    corners = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)  # (K, 2 corners, x and y)
    points = np.clip(corners * (across, down) + (left, top), 0, (width, height))
    # the inverse of the turn: mirror, flip, swap
    if turn.mirror:
        points[..., 0] = width - points[..., 0]
    if turn.upside_down:
        points[..., 1] = height - points[..., 1]
    if turn.swap:
        points = points[..., ::-1]
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)

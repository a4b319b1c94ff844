"""How an image is shown: what a presentation state repeats of it, and where a box on the model's image is on it."""

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
    """An image that presentation states can be of.

    Attributes:
        source: of `read_source`, with Rows, Columns and SamplesPerPixel.
        modality: Modality LUT, or slope and intercept; None where the header has none.
        interest: VOI LUT or window that the image is shown with; None for all of its values.
        inverted: whether low values are bright (MONOCHROME1).
        turn: that makes it upright, as the model sees it.
    """

    source: Dataset
    modality: LookupTable | tuple[float, float] | None
    interest: LookupTable | DisplayWindow | None
    inverted: bool
    turn: Turn

    @property
    def group(self) -> tuple[object, ...]:
        """Images of which this is the same can share a state: one series, one size, one scale of gray."""
        table = self.modality.entries.tobytes() if isinstance(self.modality, LookupTable) else self.modality
        size = (int(self.source.Rows), int(self.source.Columns))
        return (str(self.source.StudyInstanceUID), str(self.source.SeriesInstanceUID), size, table, self.inverted)

    def modality_transformation(self) -> hd.ModalityLUTTransformation | None:
        """For the state; None where there is none, or where a table begins below 0, which cannot be repeated."""
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
        """For the state, of this image; None as above."""
        of_this = hd.ReferencedImageSequence([self.source])
        if isinstance(self.interest, LookupTable):
            if self.interest.first < 0:
                return None
            table = hd.VOILUT(self.interest.first, self.interest.entries.astype(np.uint16))
            return SoftcopyVOILUTTransformation(voi_luts=[table], referenced_images=of_this)
        if self.interest is None:
            return None
        return SoftcopyVOILUTTransformation(
            window_center=self.interest.center,
            window_width=self.interest.width,
            voi_lut_function=self.interest.function,
            referenced_images=of_this,
        )


def read_displayed(path: Path) -> DisplayedImage | None:
    """How an image is shown; None where it is in colour.

    Args:
        path: of a radiograph that could be read.

    Raises:
        NoStudy: as `read_source`.
        UnreadableImage: the file is broken by now.
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
    """Boxes on the square that the model takes, as they are on the stored pixels of its file.

    Args:
        boxes: (K, 4): left, top, width and height, as fractions of the square.
        recipe: of the preprocessing.
        rows, columns: of the stored image.
        turn: that makes it upright.

    Returns:
        (K, 4): left, top, right and bottom in pixels, from 0 at the outer edge of the first pixel to `columns` and
        `rows`, as Graphic Data (0070,0022) count them. What is on a bar beside the image is cut off: a box wholly on
        one has no width or no height.
    """
    height, width = (columns, rows) if turn.swap else (rows, columns)
    left, top, across, down = plane_of(recipe, height, width)
    corners = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)  # (K, 2 corners, x and y)
    points = np.clip(corners * (across, down) + (left, top), 0, (width, height))
    # the turn backwards: mirror, turn over, swap
    if turn.mirror:
        points[..., 0] = width - points[..., 0]
    if turn.upside_down:
        points[..., 1] = height - points[..., 1]
    if turn.swap:
        points = points[..., ::-1]
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)

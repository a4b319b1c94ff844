"""Display pipeline of a header, without pixels, for objects that repeat it."""

from dataclasses import dataclass
from pathlib import Path

from hilum.data.dicom.display import is_big_endian
from hilum.data.dicom.elements import ElementError, decimal, whole
from hilum.data.dicom.orientation import turn_of
from hilum.data.dicom.parsing import parse
from hilum.data.dicom.tags import IMAGE_TAGS
from hilum.data.dicom.windows import DisplayWindow, LookupTable, lookup_table, values_of_interest
from hilum.data.images import Turn
from hilum.data.images.gray import UnreadableImage


@dataclass(frozen=True)
class DisplaySteps:
    """Steps that `hilum.data.dicom.display` applies to the values of a file, and its orientation.

    Attributes:
        rows, columns: Size of the stored image, pixels.
        meaning: PhotometricInterpretation (0028,0004).
        turn: Turn that makes the image upright.
        modality: Modality LUT, or rescale slope and intercept; None without either.
        interest: VOI LUT or window; None if none can be applied.
    """

    rows: int
    columns: int
    meaning: str
    turn: Turn
    modality: LookupTable | tuple[float, float] | None
    interest: LookupTable | DisplayWindow | None


def read_display(path: Path) -> DisplaySteps:
    """Read the display steps of a radiograph's header.

    Args:
        path: Path of a file that `hilum.data.dicom.read_dicom` can read.

    Raises:
        UnreadableImage: A broken file, or values that contradict each other.
    """
    header = parse(path, IMAGE_TAGS, path, pixels=False)
    try:
        bits, signed = whole(header, "BitsStored"), whole(header, "PixelRepresentation", 0) == 1
        big_endian = is_big_endian(header)
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        modality: LookupTable | tuple[float, float] | None = None
        if sequence := header.get("ModalityLUTSequence"):
            modality = lookup_table(sequence[0], signed=signed, big_endian=big_endian)
            lowest = 0
        else:
            slope, intercept = decimal(header, "RescaleSlope"), decimal(header, "RescaleIntercept")
            if slope is not None and intercept is not None:
                modality = (slope, intercept)
                lowest = int(min(slope * end + intercept for end in (lowest, highest)))
        interest, _ = values_of_interest(header, signed=lowest < 0, big_endian=big_endian)
        return DisplaySteps(
            rows=whole(header, "Rows"),
            columns=whole(header, "Columns"),
            meaning=str(header.get("PhotometricInterpretation", "")).strip(" \0").upper(),
            turn=turn_of(header),
            modality=modality,
            interest=interest,
        )
    except (ElementError, OverflowError) as error:
        raise UnreadableImage(path, reason="a header that contradicts itself") from error

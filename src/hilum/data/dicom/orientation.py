"""Orientation of radiographs: head up, and the patient's right on the left in frontal images.

Patient Orientation (0020,0020) states the direction of rows and columns of the stored pixels (DICOM PS3.3
C.7.6.1.1.1): `L\\F` means that rows run towards the patient's left and columns towards the feet, which is upright.
Other values with feet or head are turned; images with rows from front to back (lateral views) are not mirrored.

Field of View Rotation (0018,7032) and Horizontal Flip (0018,7034) describe what the detector already did to the pixels;
Image Laterality (0020,0062) names the imaged half of the body. They turn no image.
"""

import pydicom

from hilum.data.images import Turn


def turn_of(dataset: pydicom.Dataset) -> Turn:
    """Return the turn that makes an image upright; no turn without a stated orientation."""
    written = dataset.get("PatientOrientation") or ()
    letters = [str(value)[:1] for value in written] if not isinstance(written, str) else []
    if len(letters) != 2:
        return Turn()
    along_row, down_column = letters
    if along_row in "HF" and along_row:
        along_row, down_column, swap = down_column, along_row, True
    else:
        swap = False
    if down_column not in ("H", "F") or along_row not in ("L", "R", "A", "P"):
        return Turn()
    return Turn(swap=swap, upside_down=down_column == "H", mirror=along_row == "R")

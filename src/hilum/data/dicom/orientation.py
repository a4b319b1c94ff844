"""Upright: head up, and in frontal images the patient's right on the left, as radiographs are read.

Patient Orientation (0020,0020) tells where the rows and columns of the stored pixels run (DICOM PS3.3 C.7.6.1.1.1):
`L\\F` means that rows run towards the patient's left and columns towards the feet, which is upright. Anything else that
names the feet or the head is turned until it is; rows that run front to back (a lateral image) are not mirrored.

Field of View Rotation (0018,7032) and Horizontal Flip (0018,7034) say what has been done to the pixels already, on the
way from the detector; Image Laterality (0020,0062) says which half of the body is meant. None of them turns an image.
"""

import pydicom

from hilum.data.images import Turn


def turn_of(dataset: pydicom.Dataset) -> Turn:
    """What makes this image upright; nothing where the header does not state its orientation."""
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

import numpy as np
import pytest

from hilum.data.pixels import read_gray

UPRIGHT = np.arange(48, dtype=np.uint8).reshape(8, 6)


def stored(rows, columns):
    """UPRIGHT (rows to the left or front, columns to the feet) as a reader with these directions would store it."""
    image = UPRIGHT
    if rows in "HF":
        image = image.T
        return image[::-1] if columns == "R" else image[:, ::-1] if rows == "H" else image
    image = image[:, ::-1] if rows == "R" else image
    return image[::-1] if columns == "H" else image


@pytest.mark.parametrize(
    ("rows", "columns"), [("L", "F"), ("R", "F"), ("L", "H"), ("R", "H"), ("F", "L"), ("F", "R"), ("H", "L")]
)
def test_a_frontal_image_is_turned_until_the_head_is_up_and_the_right_side_on_the_left(dicom, rows, columns):
    image = np.ascontiguousarray(stored(rows, columns))
    assert np.array_equal(read_gray(dicom(image, PatientOrientation=[rows, columns])), UPRIGHT)


@pytest.mark.parametrize("rows", ["A", "P"])
def test_a_lateral_image_is_put_on_its_feet_and_not_mirrored(dicom, rows):
    assert np.array_equal(read_gray(dicom(UPRIGHT, PatientOrientation=[rows, "F"])), UPRIGHT)
    upside_down = np.ascontiguousarray(UPRIGHT[::-1])
    assert np.array_equal(read_gray(dicom(upside_down, PatientOrientation=[rows, "H"])), UPRIGHT)


def test_oblique_directions_count_by_their_first_letter(dicom):
    mirrored = np.ascontiguousarray(UPRIGHT[:, ::-1])
    assert np.array_equal(read_gray(dicom(mirrored, PatientOrientation=["RA", "FP"])), UPRIGHT)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"PatientOrientation": ""},
        {"PatientOrientation": "L"},
        {"PatientOrientation": ["L", "P"]},  # a cross-section
        {"PatientOrientation": ["X", "Y"]},
        {"FieldOfViewRotation": "90", "FieldOfViewHorizontalFlip": "YES"},  # done to the pixels already
        {"ImageLaterality": "R"},
    ],
)
def test_an_image_that_is_upright_or_does_not_say_is_left_as_it_is(dicom, header):
    assert np.array_equal(read_gray(dicom(UPRIGHT, **header)), UPRIGHT)

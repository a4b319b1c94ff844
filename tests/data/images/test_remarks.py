import pytest

from hilum.data.images import Remark, count_notes, in_order


@pytest.mark.parametrize("remark", Remark)
def test_every_remark_says_what_it_is_and_what_to_do(remark):
    assert remark.description
    assert remark.fix.endswith(".")
    assert " " not in remark.value  # codes stand side by side, with blanks between them


def test_remarks_are_reported_once_and_in_one_order():
    assert in_order([Remark.WINDOW_IMPOSSIBLE, Remark.TURNED, Remark.TURNED]) == (
        Remark.TURNED,
        Remark.WINDOW_IMPOSSIBLE,
    )


def test_notes_count_files_and_say_what_to_do_about_a_warning():
    counts = {Remark.WINDOW_BESIDE_VALUES: 1_200, Remark.EXIF_TURNED: 2, Remark.TURNED: 0}
    notes = list(map(str, count_notes(counts)))
    assert notes[0].startswith("2 JPEG or PNG files: has an EXIF orientation")
    assert notes[1].startswith("1,200 DICOM files: a window outside of all values")
    assert "window: full" in notes[1]
    assert len(notes) == 2

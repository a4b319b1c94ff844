import os

import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.phantom.layouts.writing import draw_images, draws, manifest_of, new_data_set, permuted_block
from hilum.phantom.population import population_images
from hilum.progress import silent

BLOCK = ("train",) * 7 + ("val",) + ("test",) * 2


def test_what_is_drawn_comes_back_in_the_order_of_the_images_whoever_drew_it():
    population = population_images(0, 500)
    message = []
    made = draw_images(
        population,
        lambda image: (image.image_id, os.getpid()),
        workers=2,
        on_progress=lambda *each: message.append(each),
    )
    ids, processes = zip(*made, strict=True)
    assert list(ids) == [image.image_id for image in population]
    assert message == [(done, 500, name) for done, name in enumerate(ids, start=1)]
    assert os.getpid() not in processes
    assert draw_images(population[:12], lambda _: os.getpid(), workers=2, on_progress=silent) == [os.getpid()] * 12


def test_an_error_in_another_process_arrives_as_it_was_raised():
    def draw(image):
        if image.image_id != "00000002_000.png":  # of several that fail, the first to arrive is anybody's
            return
        raise HilumError(image.image_id, expected="room on the disk", found="none", fix="Make room.")

    population = population_images(0, 500)
    assert "00000002_000.png" in {image.image_id for image in population}
    with pytest.raises(HilumError, match="expected room on the disk") as caught:
        draw_images(population, draw, workers=2, on_progress=silent)
    assert str(caught.value) == "00000002_000.png: expected room on the disk; found none. Make room."


def test_an_error_of_one_image_ends_the_rest():
    drawn = []

    def draw(image):
        drawn.append(image.image_id)
        raise ValueError(image.image_id)

    with pytest.raises(ValueError, match="00000001_000"):
        draw_images(population_images(0, 200), draw, workers=1, on_progress=silent)
    assert len(drawn) < 200


def test_a_folder_is_whole_or_absent_and_what_is_there_stays(tmp_path):
    def stop_half_way():
        with new_data_set(tmp_path / "new", images=1, size=32, seed=0) as beside:
            (beside / "half").touch()
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stop_half_way()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "image.png").touch()
    with (
        pytest.raises(HilumError, match="Name another folder"),
        new_data_set(tmp_path / "real", images=1, size=32, seed=0),
    ):
        pass
    assert [path.name for path in tmp_path.rglob("*.png")] == ["image.png"]


@pytest.mark.parametrize(("images", "size"), [(0, 32), (3, 15)])
def test_requests_that_make_no_sense_are_refused(tmp_path, images, size):
    with (
        pytest.raises(HilumError, match="expected at least"),
        new_data_set(tmp_path / "a", images=images, size=size, seed=0),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_every_run_of_a_block_of_patients_has_the_parts_of_the_block():
    parts = [permuted_block(0, "chexpert", patient, BLOCK) for patient in range(1, 101)]
    for start in range(0, 100, 10):
        assert sorted(parts[start : start + 10]) == sorted(BLOCK)
    assert parts != [permuted_block(1, "chexpert", patient, BLOCK) for patient in range(1, 101)]
    assert parts != [permuted_block(0, "uka_cxr", patient, BLOCK) for patient in range(1, 101)]


def test_draws_belong_to_seed_layout_and_name():
    first = draws(0, "chexpert", "a").random(4)
    np.testing.assert_array_equal(first, draws(0, "chexpert", "a").random(4))
    for other in ((1, "chexpert", "a"), (0, "padchest", "a"), (0, "chexpert", "b")):
        assert not np.array_equal(first, draws(*other).random(4))


def test_the_truth_has_the_columns_and_types_of_a_manifest():
    truth = manifest_of([{"image_id": "a", "age": 3.0, "Mass": None}, {"Mass": -1}], ["Mass"], ["split_x"])
    assert truth.schema == {
        **dict.fromkeys(("image_id", "path", "patient_id", "study_id", "view"), pl.String),
        "age": pl.Float64,
        **dict.fromkeys(("sex", "split", "split_x"), pl.String),
        "Mass": pl.Int8,
    }
    assert truth["Mass"].to_list() == [None, -1]

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.errors import HilumError
from hilum.finetuning.scores import SCORES, read_scores, write_scores

PATIENTS = [f"p{n:03d}/front.png" for n in range(8)]


def store_of(pixels, image_ids):
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    return Store(Path("memory"), pixels, image_ids, nothing, parse_recipe([{"resize": 16}]))


@pytest.fixture
def store():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 16), dtype=np.uint8)
    pixels[5] = pixels[2]  # one image under two names
    return store_of(pixels, PATIENTS)


@pytest.fixture
def scores():
    return pl.DataFrame({"p_Mass": [0.1, 0.2, 0.3, 0.4, 0.5, 0.3, 0.7, 0.8]})


def test_scores_come_back_by_image_and_the_file_names_none(store, scores, tmp_path):
    write_scores(scores, store, PATIENTS, tmp_path / SCORES)
    assert not any(name.encode() in (tmp_path / "scores.parquet").read_bytes() for name in [*PATIENTS, "front.png"])
    asked = [*PATIENTS[::-1], "not in the store"]
    found = read_scores(tmp_path / SCORES, store, asked)
    assert found.columns == ["image_id", "p_Mass"]
    assert found["image_id"].to_list() == PATIENTS[::-1]
    assert found["p_Mass"].to_list() == scores["p_Mass"].to_list()[::-1]


def test_another_order_or_name_in_the_store_gives_no_image_anothers_score(store, scores, tmp_path):
    write_scores(scores, store, PATIENTS, tmp_path / SCORES)
    later = store_of(store.pixels[::-1], [f"renamed {n}" for n in range(8)])
    assert (
        read_scores(tmp_path / SCORES, later, later.image_ids)["p_Mass"].to_list() == scores["p_Mass"].to_list()[::-1]
    )


def test_images_that_were_not_scored_are_missed(store, scores, tmp_path):
    write_scores(scores[:4], store, PATIENTS[:4], tmp_path / SCORES)
    with pytest.raises(HilumError, match="expected scores of 8 images; found none of 3"):  # 5 is 2 again
        read_scores(tmp_path / SCORES, store, PATIENTS)


def test_scores_of_earlier_runs_are_read_by_their_names(store, scores, tmp_path):
    scores.insert_column(0, pl.Series("image_id", PATIENTS)).write_parquet(tmp_path / "scores.parquet")
    assert read_scores(tmp_path / SCORES, store, PATIENTS[2:4])["p_Mass"].to_list() == [0.3, 0.4]

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from hilum.report.sections import case_browser as browser_of, images as case_browser


def test_scores_are_means_over_seeds_and_labels_those_of_the_predictions(full):
    data = json.loads(browser_of(full).data)
    runs = full.predictions["simclr"]
    image = data["cases"][2]
    row = runs[0].image_ids.index(image["id"])
    arm = data["arms"].index("simclr")
    expected = np.mean([run.scores[run.image_ids.index(image["id"])] for run in runs], axis=0)
    assert image["scores"][arm] == pytest.approx(expected, abs=5e-4)
    assert image["labels"] == runs[0].labels[row].tolist()


def test_heat_maps_keep_their_shape_and_their_highest_place(full):
    case = full.cases[0]
    image = json.loads(browser_of(full).data)["cases"][0]
    findings = json.loads(browser_of(full).data)["findings"]
    heat = case.heat["simclr", findings[1]]
    columns, rows, packed = image["heat"]["1/1"]
    values = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(rows, columns)
    assert values.shape == heat.shape
    assert values.max() == 255
    assert values.argmax() == heat.argmax()


def test_a_dark_map_is_dark_and_not_divided_by_nothing(full):
    dark = {("simclr", full.predictions["simclr"][0].findings[0]): np.zeros((7, 7))}
    data = json.loads(browser_of(replace(full, cases=[replace(full.cases[0], heat=dark)])).data)
    assert set(base64.b64decode(data["cases"][0]["heat"]["1/0"][2])) == {0}


def test_images_beyond_the_room_there_is_are_left_out_and_that_is_reported(full, monkeypatch):
    monkeypatch.setattr(case_browser, "MOST_BYTES", 20_000)
    made = browser_of(full)
    shown = len(json.loads(made.data)["cases"])
    assert 0 < shown < len(full.cases)
    assert f"of {len(full.cases)}; the others are omitted" in made.caption


def test_an_image_that_nobody_scored_and_a_model_without_scores_are_shown(full):
    stranger = replace(full.cases[0], image_id="stranger", heat={("elsewhere", "Mass"): np.eye(3)}, about="</script>")
    made = browser_of(replace(full, cases=[stranger]))
    data = json.loads(made.data)
    assert data["arms"][-1] == "elsewhere"
    assert data["cases"][0]["labels"] == [None] * len(data["findings"])
    assert "</script>" not in made.data


def test_without_thresholds_one_half_stands_in_and_is_reported(full):
    assert "0.5" in browser_of(replace(full, thresholds={})).caption
    assert browser_of(replace(full, cases=[])) is None

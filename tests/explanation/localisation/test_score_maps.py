import numpy as np
import pytest

from hilum.explanation.localisation import MEANS, BoxedCase, box_scores
from hilum.explanation.localisation.score_maps import score_maps


def test_every_case_gets_the_scores_of_its_own_map():
    rng = np.random.default_rng(0)
    box = np.array([[0.0, 0.0, 0.5, 0.5]])
    maps = [rng.random((8, 8)), np.zeros((8, 8))]
    maps[1][:4, :4] = 2.0
    cases = [BoxedCase(name, name, "Mass", box) for name in ("a", "b")]
    scored = score_maps(maps, cases, np.array([0.3, 0.8]))
    one = box_scores(maps[0], box)
    assert scored.scores[0, :3].tolist() == [one.pointing, one.energy, one.overlap]
    assert dict(zip(MEANS, scored.scores[1], strict=True)) == dict.fromkeys(MEANS, 1.0)
    assert scored.drawn.tolist() == [1, 1]
    last = scored.detections.row(-1, named=True)
    assert last == {"case": 1, "confidence": pytest.approx(0.8), "right_ap25": True, "right_ap50": True}
    assert scored.detections["confidence"].max() == pytest.approx(0.8)

import numpy as np
import polars as pl
import pytest

from hilum.evaluation import as_predictions, rank_label_issues
from hilum.report.pages import write_label_issues_page


@pytest.fixture
def ranked():
    """Two findings; of the first every 20th label is turned, of the second none, and one name is HTML."""
    rng = np.random.default_rng(0)
    true = rng.random((400, 2)) < 0.3
    given = true.copy()
    given[::20, 0] = ~given[::20, 0]
    scores = np.clip(0.1 + 0.8 * true + 0.03 * rng.normal(size=true.shape), 0, 1)
    table = {"image_id": [f"<i>{i:03d}" for i in range(400)], "split": ["test"] * 400}
    for at, finding in enumerate(("Mass", "Edema")):
        table |= {f"y_{finding}": given[:, at].astype(int), f"p_{finding}": scores[:, at]}
    return rank_label_issues([as_predictions(pl.DataFrame(table), name="t")])


def written(ranked, path, **choices):
    write_label_issues_page(*ranked, None, path, judged="400 images", **{"worst": 8, **choices})
    return path.read_text(encoding="utf-8")


def test_the_page_shows_the_worst_of_each_finding_and_how_many_are_left(ranked, tmp_path):
    page = written(ranked, tmp_path / "suspects.html")
    doubted = int(ranked[0]["suspect"].sum())
    assert 15 < doubted < 25
    assert f"Of 800 labels the model doubts {doubted} ({doubted / 800:.1%})." in page
    called = ranked[0].filter(pl.col("suspect"))["label"]
    shown = sum(min(8, int((called == label).sum())) for label in (0, 1))
    assert shown > 8
    assert page.count('<th scope="row">&lt;i&gt;') == shown
    assert f"{doubted - shown} more in suspects.csv." in page
    assert ">Edema</h2>" not in page


def test_images_are_shown_where_they_are_at_hand_and_missing_ones_have_a_frame(ranked, tmp_path):
    worst = ranked[0]["image_id"][0]
    images = {worst: np.full((300, 200), 90, dtype=np.uint8)}
    page = written(ranked, tmp_path / "suspects.html", image=images.get)
    assert page.count("<img src=") == 1
    assert page.count('<div class="unseen">') > 7
    assert "labelled" in page


def test_nothing_is_loaded_from_elsewhere(ranked, tmp_path):
    page = written(ranked, tmp_path / "suspects.html", notes=["a note & more"])
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "a note &amp; more" in page


def test_where_nothing_is_doubted_that_is_reported(ranked, tmp_path):
    suspects, noise = ranked
    none = (
        suspects.with_columns(suspect=pl.lit(value=False)),
        noise.with_columns(doubted_positives=pl.lit(0, pl.Int64), doubted_negatives=pl.lit(0, pl.Int64)),
    )
    assert "the model doubts none" in written(none, tmp_path / "suspects.html")

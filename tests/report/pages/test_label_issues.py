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
    write_label_issues_page(*ranked, None, path, images="400 images", **{"top": 8, **choices})
    return path.read_text(encoding="utf-8")


def test_the_page_shows_the_worst_of_each_finding_and_how_many_are_left(ranked, tmp_path):
    page = written(ranked, tmp_path / "label_issues.html")
    flagged = int(ranked[0]["is_label_issue"].sum())
    assert 15 < flagged < 25
    assert f"{flagged} of 800 labels are flagged ({100 * flagged / 800:.1f} %)." in page
    called = ranked[0].filter(pl.col("is_label_issue"))["label"]
    shown = sum(min(8, int((called == label).sum())) for label in (0, 1))
    assert shown > 8
    assert page.count('<th scope="row">&lt;i&gt;') == shown
    assert f"{flagged - shown} more in label_issues.csv." in page
    assert ">Edema</h2>" not in page


def test_images_are_shown_where_they_are_at_hand_and_missing_ones_have_a_frame(ranked, tmp_path):
    top = ranked[0]["image_id"][0]
    images = {top: np.full((300, 200), 90, dtype=np.uint8)}
    page = written(ranked, tmp_path / "label_issues.html", image=images.get)
    assert page.count("<img src=") == 1
    assert page.count('<div class="unseen">') > 7
    assert "labelled" in page


def test_nothing_is_loaded_from_elsewhere(ranked, tmp_path):
    page = written(ranked, tmp_path / "label_issues.html", notes=["a note & more"])
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "a note &amp; more" in page


def test_where_nothing_is_doubted_that_is_reported(ranked, tmp_path):
    issues, noise = ranked
    none = (
        issues.with_columns(is_issue=pl.lit(value=False)),
        noise.with_columns(flagged_positives=pl.lit(0, pl.Int64), flagged_negatives=pl.lit(0, pl.Int64)),
    )
    assert "None of 800 labels is flagged." in written(none, tmp_path / "label_issues.html")

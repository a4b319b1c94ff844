import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.evaluation import auroc, external_validation


@pytest.fixture
def cells(make_predictions):
    """Two models on two test sets: both are at home good and away bad; one table has a finding more."""
    more = {"Pleural Effusion": 0.3, "Pneumonia": 0.15, "Mass": 0.2}
    made = {}
    for trained, tested, labels_seed in (
        ("nih", "nih", 0),
        ("chexpert", "nih", 0),
        ("nih", "chexpert", 1),
        ("chexpert", "chexpert", 1),
    ):
        made[trained, tested] = [
            make_predictions(
                patients=200,
                signal=2.5 if trained == tested else 0.5,
                labels_seed=labels_seed,
                scores_seed=len(made),
                **({"prevalence": more} if tested == "chexpert" else {}),
            )
        ]
    return made


def test_every_cell_has_its_number_and_the_drop_from_home(cells):
    rows = {
        (r["trained_on"], r["tested_on"], r["finding"]): r
        for r in external_validation(cells, n_bootstrap=200).to_dicts()
    }
    away = rows["nih", "chexpert", "Pneumonia"]
    table, home = cells["nih", "chexpert"][0], cells["nih", "nih"][0]
    at = table.findings.index("Pneumonia")
    assert away["estimate"] == auroc(table.labels[:, at], table.scores[:, at])
    assert away["generalisation_gap"] == pytest.approx(auroc(home.labels[:, 1], home.scores[:, 1]) - away["estimate"])
    assert away["in_distribution"] == rows["chexpert", "chexpert", "Pneumonia"]["estimate"]
    macro = rows["nih", "chexpert", "macro"]
    assert 0 < macro["generalisation_gap_ci_low"] < macro["generalisation_gap"] < macro["generalisation_gap_ci_high"]
    assert macro["p"] < 0.05
    assert macro["estimate"] == pytest.approx(
        np.mean([rows["nih", "chexpert", finding]["estimate"] for finding in ("Pleural Effusion", "Pneumonia")])
    )


def test_at_home_there_is_no_drop(cells):
    row = external_validation(cells, n_bootstrap=40).row(0, named=True)
    assert (row["trained_on"], row["tested_on"], row["finding"]) == ("nih", "nih", "macro")
    assert (row["generalisation_gap"], row["p"], row["internal"]) == (None, None, row["estimate"])


def test_findings_that_not_all_have_are_left_out_and_stated(cells):
    table = external_validation(cells, n_bootstrap=40)
    assert set(table["finding"]) == {"macro", "Pleural Effusion", "Pneumonia"}
    assert table["note"][0] == "findings that are not in all tables are excluded: Mass"


def test_without_a_common_finding_it_is_refused(make_predictions):
    cells = {("a", "a"): [make_predictions()], ("a", "b"): [make_predictions(prevalence={"Mass": 0.2})]}
    with pytest.raises(HilumError, match="expected a finding that all tables have"):
        external_validation(cells, n_bootstrap=40)

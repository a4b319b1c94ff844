import csv
import gzip

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, recall_score

from hilum.errors import HilumError
from hilum.evaluation import google_agreement, label_agreement

GOOGLE = "chestxray14_metadata/google2019_nih-chest-xray-labels.csv.gz"


def test_numbers_equal_scikit_learn_and_counts_add_up():
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 1)) < 0.3).astype(float)
    mined = np.where(rng.random((400, 1)) < 0.2, 1 - truth, truth)
    mined[:5] = np.nan
    row = label_agreement(mined, truth, [str(i // 2) for i in range(400)], ["Mass"], n_bootstrap=200).row(0, named=True)
    true, given = truth[5:, 0], mined[5:, 0]
    assert row["n"] == 395
    assert row["discordant"] == (true != given).sum() == row["discordant_positives"] + row["discordant_negatives"]
    assert row["kappa"] == pytest.approx(cohen_kappa_score(true, given), abs=1e-12)
    assert row["sensitivity"] == pytest.approx(recall_score(true, given), abs=1e-12)
    assert row["specificity"] == pytest.approx(recall_score(true, given, pos_label=0), abs=1e-12)
    assert row["kappa_ci_low"] < row["kappa"] < row["kappa_ci_high"]
    wrong = (true[given == 1] == 0).mean() + (true[given == 0] == 1).mean()
    assert row["auroc_ceiling"] == pytest.approx(1 - wrong / 2)


@pytest.mark.shared_data
def test_the_nih_labels_that_radiologists_contradict(shared_data):
    """Counts of the real table, counted here again row by row."""
    with gzip.open(shared_data / GOOGLE, "rt", newline="") as stream:
        table = list(csv.DictReader(stream))
    discordant = {"Pneumothorax": 258, "Nodule or mass": 548, "Airspace opacity": 1492}
    for row in google_agreement(shared_data / GOOGLE, n_bootstrap=100).to_dicts():
        finding, names = row["finding"], set(row["nlp_label"].split(" or "))
        differ = [bool(names & set(image["Finding Labels"].split("|"))) != (image[finding] == "YES") for image in table]
        assert (row["n"], row["discordant"]) == (4376, sum(differ)) == (4376, discordant[finding])
        assert row["patients"] == len({image["Patient ID"] for image in table})
        assert row["sensitivity_ci_low"] < row["sensitivity"] < row["sensitivity_ci_high"]


def test_another_table_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("Image Index,Finding Labels\na.png,Mass\n")
    with pytest.raises(HilumError, match="column 'Patient ID': expected, but missing"):
        google_agreement(tmp_path / "other.csv")
    with pytest.raises(HilumError, match="no such file"):
        google_agreement(tmp_path / "absent.csv")

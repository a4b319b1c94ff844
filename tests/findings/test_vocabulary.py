import pytest

from hilum.errors import HilumError
from hilum.findings import CHESTXRAY14, NO_FINDING, VOCABULARY, canonical, is_finding, native


def test_the_fourteen_findings_stand_in_the_order_of_chexnets_lists():
    assert [native(finding, "chestxray14") for finding in CHESTXRAY14] == (
        "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax Consolidation Edema Emphysema "
        "Fibrosis Pleural_Thickening Hernia"
    ).split()  # arnoweng/CheXNet, labels/*.txt


@pytest.mark.parametrize(
    ("spelling", "finding"),
    [
        ("Effusion", "Pleural Effusion"),
        ("pleural effusion", "Pleural Effusion"),
        ("Infiltrate", "Infiltration"),
        ("Pleural_Thickening", "Pleural Thickening"),
        ("PLEURAL-THICKENING", "Pleural Thickening"),
        ("No Finding", NO_FINDING),
        ("covid19", "COVID-19"),
    ],
)
def test_every_spelling_leads_to_one_name(spelling, finding):
    assert canonical(spelling) == finding


@pytest.mark.parametrize("collection", ["chestxray14", "folder"])
def test_native_names_lead_back(collection):
    assert [canonical(native(finding, collection)) for finding in VOCABULARY] == list(VOCABULARY)


def test_an_unknown_finding_gets_a_suggestion_and_the_place():
    with pytest.raises(HilumError, match=r"labels.csv: .*'Pneumonja'.*Did you mean 'Pneumonia'\?"):
        canonical("Pneumonja", where="labels.csv")
    with pytest.raises(HilumError, match="Known findings: Atelectasis"):
        canonical("zzz")


def test_an_unknown_collection_is_refused():
    with pytest.raises(HilumError, match=r"collection: expected one of chestxray14, .* found 'mimic'"):
        native("Mass", "mimic")


def test_other_words_are_no_findings():
    assert is_finding("oedema")
    assert not is_finding("hospital")

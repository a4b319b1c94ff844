from dataclasses import replace

import pytest

from hilum.findings import CHEXPERT
from hilum.phantom.layouts.chexpert_labels import FAINT, mentioned, read_by_radiologists
from hilum.phantom.population import population_images

POPULATION = population_images(0, 600)


def with_severities(**severities: float):
    named = {name.replace("_", " "): severity for name, severity in severities.items()}
    return replace(POPULATION[0], severities=named)


def test_what_is_plain_is_certain_and_what_is_faint_is_hedged():
    codes = mentioned(with_severities(Edema=FAINT, Mass=FAINT - 0.01, Pleural_Thickening=0.9), 0)
    assert codes["Edema"] == 1
    assert codes["Lung Opacity"] == 1
    assert codes["Lung Lesion"] == -1
    assert codes["Pleural Other"] == 1
    assert codes["No Finding"] is None


def test_the_plainest_of_several_findings_decides():
    assert mentioned(with_severities(Mass=0.1, Nodule=0.8), 0)["Lung Lesion"] == 1


def test_every_code_of_every_observation_occurs():
    expected = [mentioned(image, 0) for image in POPULATION]
    for observation in CHEXPERT:
        found = {codes[observation] for codes in expected}
        assert found == ({1, None} if observation == "No Finding" else {1, 0, -1, None}), observation


def test_no_finding_is_reported_where_nothing_but_devices_is_positive_or_uncertain():
    for image in POPULATION:
        codes = mentioned(image, 0)
        others = {codes[name] for name in CHEXPERT if name not in ("No Finding", "Support Devices")}
        assert (codes["No Finding"] == 1) == others.isdisjoint({1, -1})


def test_radiologists_answer_every_question():
    for image in POPULATION[:50]:
        hedged, read = mentioned(image, 0), read_by_radiologists(image, 0)
        assert read == {name: int(code is not None and code != 0) for name, code in hedged.items()}


def test_pneumothorax_is_denied_most_often_as_in_the_real_table():
    def denied(observation):
        silent = [codes for codes in expected if codes[observation] in (0, None)]
        return sum(codes[observation] == 0 for codes in silent) / len(silent)

    expected = [mentioned(image, 0) for image in POPULATION]
    assert denied("Pneumothorax") == pytest.approx(0.28, abs=0.06)
    assert denied("Fracture") == pytest.approx(0.03, abs=0.02)

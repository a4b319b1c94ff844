"""What a study's `evaluate:` says reaches the evaluation suite."""

import pytest

from hilum.evaluation.inference import Look
from hilum.study.execution.evaluate import suite_settings
from hilum.study.file import find_study, read_study


def settings_of(*expected):
    return suite_settings(read_study(find_study("chestxray14_tiny"), list(expected)), Look())


def test_seeds_are_random_readers_unless_the_study_has_them_resampled():
    assert settings_of().seed_inference == "obuchowski_rockette"
    assert settings_of("evaluate.seed_inference=bootstrap").seed_inference == "bootstrap"


@pytest.mark.parametrize(
    ("expected", "compared"),
    [
        ((), ["auroc", "sensitivity_at_specificity_0.9"]),
        (("evaluate.at_specificity=0.95",), ["auroc", "sensitivity_at_specificity_0.95"]),
        (("evaluate.at_specificity=null",), ["auroc"]),
    ],
)
def test_sensitivities_are_compared_at_the_specificity_that_the_study_names(expected, compared):
    settings = settings_of(*expected)
    assert settings.compared == compared
    assert set(compared) <= set(settings.metrics)

"""Settings of `hilum finetune --set` and `hilum.finetune(settings=…)`; all problems are raised before data are read."""

import pytest

import hilum
from hilum.augment.library import AUGMENTATIONS
from hilum.data.resampling import Resampling
from hilum.errors import HilumErrors
from hilum.runs.finetune import _parse_settings


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (["resample=elwirehardja2025", "output_type=multiclass"], {"resample": Resampling()}),
        (["resample={copies: 2}", "output_type=multiclass"], {"resample": Resampling(copies=2)}),
        (["schedule={plateau: {factor: 0.5, patience: 2}}"], {"plateau_factor": 0.5, "plateau_patience": 2}),
        (["schedule={plateau: {min_lr: 1e-6}}"], {"schedule": "plateau", "plateau_min_lr": 1e-6}),
        (["augmentation=simclr"], {"augmentation": "simclr"}),
        ({"augmentation": {"like": "simclr"}}, {"augmentation": AUGMENTATIONS["simclr"]}),
        (["lr=1e-4", "unfreeze=all", "patience=null"], {"lr": 1e-4, "unfreeze": "all", "patience": None}),
    ],
)
def test_keys_of_study_files_are_settings_of_the_command(given, parsed):
    settings = _parse_settings(given)
    assert {name: settings[name] for name in parsed} == parsed


def test_an_augmentation_can_be_a_file(tmp_path):
    (tmp_path / "own.yaml").write_text("{like: simclr}")
    assert _parse_settings([f"augmentation={tmp_path / 'own.yaml'}"]) == {"augmentation": AUGMENTATIONS["simclr"]}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("output_type=exclusive", "output_type: exclusive was renamed to multiclass"),
        ("output_type=each_or_uncertain", "output_type: each_or_uncertain was renamed to multilabel_u_multiclass"),
        ("answer=multiclass", "answer: was renamed to output_type"),
        ("weighted=true", "weighted: was renamed to class_weights"),
        ("resample=elwirehardja2025", "resample: expected output_type multiclass; found multilabel"),
        ("resample={belw: 0.1}", "Do you mean below?"),
        ("augmentation={flp: 0.5}", "did you mean 'flip'?"),
        ("augmentation=null", "augmentation: expected one of none, finetune"),
        ("schedule={plateau: {fctor: 0.1}}", "'plateau'"),
        ("lr=high", "lr: expected"),
        ("epochs=[", "epochs: expected a value; found '['"),
        ("epochs", "epochs: expected KEY=VALUE"),
    ],
)
def test_problems_name_the_setting_and_the_fix(given, problem, tmp_path):
    with pytest.raises(HilumErrors) as refused:
        hilum.finetune({"ours": tmp_path / "none"}, tmp_path / "out", encoder="resnet18", settings=[given, "lr2=1"])
    assert any(problem in line for line in refused.value.problems)
    assert len(refused.value.problems) == 2

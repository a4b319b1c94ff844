"""Which settings a pretraining of a study has: the arm's, the study's, then a preset's."""

import pytest

from hilum.errors import HilumErrors
from hilum.pretext.settings import PretextSettings
from hilum.study.file import parse_study, pretext_settings, read_study, resolved_pretraining, shipped_studies
from hilum.study.plan import pretraining_directory

STUDY = """\
question: Which optimiser?
data:
  ours: {collection: folder, labels: labels.csv}
preprocess: [{square: pad}, {resize: 64}]
task:
  findings: [Pneumonia]
  split: {patients: [0.7, 0.1, 0.2]}
arms:
  plain: {encoder: resnet18, init: {pretrain: dino, on: ours}}
  lars: {encoder: resnet18, init: {pretrain: dino, on: ours, optimizer: lars, lr: 2, clip_grad_norm: null}}
pretrain: {weight_decay: 0.02, clip_grad_norm: 1.0}
"""


def settings(text, arm, images):
    study = parse_study(text, where="study.yaml")
    return pretext_settings(study, study.arms[arm].init, images)


def test_an_arm_wins_over_the_study_and_the_study_over_the_preset():
    plain, lars = settings(STUDY, "plain", 10_000), settings(STUDY, "lars", 10_000)
    assert (plain.optimizer, plain.lr, plain.clip_grad_norm, plain.weight_decay) == ("adamw", 1e-3, 1.0, 0.02)
    assert (lars.optimizer, lars.lr, lars.clip_grad_norm, lars.weight_decay) == ("lars", 2.0, None, 0.02)
    assert (plain.epochs, plain.weight_decay_end, plain.options["prototypes"]) == (100, 0.4, 4096)


def test_what_is_left_out_goes_with_the_number_of_images_unless_a_preset_is_named():
    assert settings(STUDY, "plain", 1000).epochs == 50
    named = STUDY.replace("pretrain: {weight", "pretrain: {preset: 10k, weight")
    assert settings(named, "plain", 1000).epochs == 100


def test_precision_is_the_studys_unless_pretraining_has_its_own():
    study = STUDY + "precision: fp32\n"
    assert settings(study, "plain", 1000).precision == "fp32"
    assert settings(study.replace("pretrain: {w", "pretrain: {precision: bf16, w"), "plain", 1000).precision == "bf16"


def test_arms_with_settings_of_their_own_are_pretrained_apart():
    study = parse_study(STUDY, where="study.yaml")
    plain, lars = (pretraining_directory(study, arm, 0) for arm in ("plain", "lars"))
    assert plain == "pretrain/dino-resnet18-ours-preset/seed-0"
    assert lars != plain


def test_settings_that_are_wrong_are_reported_with_their_lines():
    wrong = STUDY.replace("weight_decay: 0.02", "weight_decay: -1, local_augmentation: lcal, probe_every: 3").replace(
        "optimizer: lars, lr: 2", "optimizer: lars, epoch: 3"
    )
    with pytest.raises(HilumErrors) as caught:
        parse_study(wrong, where="study.yaml")
    assert [problem.partition("    ")[0] for problem in caught.value.problems] == [
        "line 10  arms.lars.init.epoch: is not a known key",
        "line 10  arms.lars.init: lars with a preset's learning rate, which is for AdamW",
        "line 11  pretrain.local_augmentation: 'lcal' is not an augmentation",
        "line 11  pretrain.probe_every: is not a known key",
        "line 11  pretrain.weight_decay: expected a number of at least 0; found -1",
    ]


@pytest.mark.parametrize(("name", "images"), [("chestxray14_tiny", 400), ("chestxray14_pneumonia", 350)])
def test_shipped_studies_pretrain_as_they_always_did(name, images):
    """As published in docs/explanation/results.md: AdamW at 1e-3, batch 128, decay 1e-4, three epochs of warm-up."""
    study = read_study(shipped_studies()[name])
    for arm, method in (("simclr", "simclr"), ("mocov2", "mocov2")):
        before = PretextSettings(epochs=study.pretrain.epochs)
        assert resolved_pretraining(study, study.arms[arm].init, images).settings == before.resolved(
            method, images, from_weights=False
        )


def test_the_report_prints_all_settings_also_those_that_nobody_set(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "pretrain simclr small_convnet on images, seed 0: settings" in page
    for expected in ("epochs 1, batch_size 32, optimizer adamw, lr 0.0005,", "warmup_epochs 0.25", "temperature 0.2"):
        assert expected in page

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.settings import FinetuneSettings
from hilum.study.file import (
    Arm,
    Finetuning,
    ListedSplit,
    PatientSplit,
    Pretrained,
    Yaml12Loader,
    as_yaml,
    find_study,
    finetune_settings,
    parse_study,
    read_study,
    resolved_pretraining,
    shipped_studies,
    tiny,
)
from hilum.study.file.finetuning import combination_problems
from hilum.study.plan import pretraining_directory

OWN_IMAGES = """\
question: Does pretraining on our own images beat scratch when labels are few?
data:
  ours: {collection: folder, labels: labels.csv}
preprocess: [{square: pad}, {resize: 224}, clahe]
task:
  findings: [Pneumonia, Pleural Effusion, Cardiomegaly]
  uncertain: zero
  split: {patients: [0.7, 0.1, 0.2], seed: 0}
arms:
  scratch: {encoder: resnet18}
  own_moco: {encoder: resnet18, init: {pretrain: mocov2, on: ours, epochs: 200}, finetune: {unfreeze: 2}}
finetune: {unfreeze: all, lr: 1e-4, epochs: 20, patience: 5}
seeds: [0, 1, 2]
evaluate: {n_bootstrap: 2000, reference: scratch}
"""


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(HilumErrors) as caught:
        parse_study(text, where="own.yaml", overrides=overrides)
    assert str(caught.value).startswith(f"own.yaml: {len(caught.value.problems)} problem")
    assert "nothing was run" in str(caught.value)
    return caught.value.problems


def test_a_right_file_is_read_as_it_says():
    study = parse_study(OWN_IMAGES, where="own.yaml")
    assert study.finetune.lr == pytest.approx(1e-4)  # YAML 1.1 would read a word
    assert study.arms["own_moco"].init == Pretrained(pretrain="mocov2", on="ours", epochs=200)
    assert study.task.split == PatientSplit(patients=(0.7, 0.1, 0.2), seed=0)
    assert study.labelled_data == "ours"
    assert study.reference_arm == "scratch"


def test_an_arm_changes_only_the_settings_that_it_names():
    study = parse_study(OWN_IMAGES, where="own.yaml")
    assert study.finetuning_of("scratch") == study.finetune
    assert study.finetuning_of("own_moco") == study.finetune.model_copy(update={"unfreeze": 2})


def test_findings_may_be_named_as_any_data_set_names_them():
    study = parse_study(OWN_IMAGES.replace("Pleural Effusion", "effusion"), where="own.yaml")
    assert study.task.findings == ["Pneumonia", "Pleural Effusion", "Cardiomegaly"]


def test_three_mistakes_are_reported_at_once_each_with_its_line_and_its_fix():
    wrong = (
        OWN_IMAGES.replace("uncertain: zero", "uncertain: zeros")
        .replace("on: ours", "on: our")
        .replace("unfreeze: all", "unfreeze: 9")
    )
    assert problems(wrong) == [
        "line 7   task.uncertain: 'zeros' is not one of zero, one, ignore, own_class, drop    did you mean 'zero'?",
        "line 11  arms.own_moco.init.on: 'our' is not a data set of this study    known here: ours",
        "line 12  finetune.unfreeze: 9 blocks, but resnet18 has 4    use 0 to 4, or all",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("patience: 5", "patiense: 5", "line 12  finetune.patiense: is not a known key    did you mean "
                                       "'patience'?"),
        ("question: Does", "qestion: Does", "line 1   qestion: is not a known key    did you mean "
                                            "'question'?"),
        ("reference: scratch", "reference: scrach", "line 14  evaluate.reference: 'scrach' is not an arm of this study"),
        ("encoder: resnet18}", "encoder: resnet19}", "arms.scratch.encoder: 'resnet19' is not an encoder    did you "
                                                     "mean"),
        ("[0.7, 0.1, 0.2]", "[0.7, 0.1, 0.3]", "task.split.patients: [0.7, 0.1, 0.3] add up to 1.1, not 1"),
        ("collection: folder", "collection: foldr", "data.ours.collection: 'foldr' is not a collection    did you "
                                                    "mean 'folder'?"),
        ("Pneumonia,", "Pnumonia,", "Did you mean 'Pneumonia'?"),
        ("Pneumonia,", "Effusion,", "listed twice: Pleural Effusion"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1, 1]", "line 13  seeds: [0, 1, 1] contains a seed twice"),
        ("n_bootstrap: 2000", "n_bootstrap: 3", "line 14  evaluate.n_bootstrap: expected a whole number from 40 "
                                                "to 1,000,000; found 3"),
        ("pretrain: mocov2", "pretrain: mocov3", "'mocov3' is not one of simclr, mocov2, swav, dino, dinov2, fcmae  "
                                                 "  did you mean 'mocov2'?"),
        ("{unfreeze: 2}", "{unfreeze: 5}", "arms.own_moco.finetune.unfreeze: 5 blocks, but resnet18 has 4"),
        ("{unfreeze: 2}", "{augmentation: finetone}", "line 11  arms.own_moco.finetune.augmentation: 'finetone' is not an augmentation    "
                                                "did you mean 'finetune'?"),
        ("{resize: 224}", "{resized: 224}", "line 4   preprocess: expected"),
        ("{unfreeze: 2}", "{unfreeze: most}", "expected a whole number of at least 0, or all; found 'most'"),
    ],
)  # fmt: skip
def test_every_mistake_names_its_field_and_what_would_be_right(right, wrong, message):
    assert any(message in problem for problem in problems(OWN_IMAGES.replace(right, wrong, 1)))


def test_a_key_that_stands_twice_is_reported_where_it_stands_again():
    assert problems(OWN_IMAGES + "seeds: [4]\n") == ["line 15  seeds: is repeated, first in line 13    keep one"]


def test_settings_can_be_changed_from_the_command_line():
    study = parse_study(
        OWN_IMAGES, where="own.yaml", overrides=["finetune.epochs=3", "arms.scratch.encoder=resnet50", "seeds=[7]"]
    )
    assert (study.finetune.epochs, study.arms["scratch"].encoder, study.seeds) == (3, "resnet50", [7])


def test_a_mistake_in_an_override_says_so_instead_of_a_line():
    assert problems(OWN_IMAGES, "finetune.epochs=none")[0].startswith(
        "--set    finetune.epochs: expected a whole number"
    )


@pytest.mark.parametrize("override", ["finetune.epochs", "=3", "question.more=1"])
def test_an_override_that_cannot_be_one_is_refused(override):
    with pytest.raises(HilumError, match="--set"):
        parse_study(OWN_IMAGES, where="own.yaml", overrides=[override])


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "just words"])
def test_what_is_no_study_at_all_is_refused(text):
    with pytest.raises(HilumError, match=r"own\.yaml"):
        parse_study(text, where="own.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HilumError, match=r"nowhere\.yaml"):
        read_study(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_shipped_studies_are_right_and_say_how_to_run_them(name):
    path = find_study(name)
    assert read_study(path).question
    assert re.search(r"^# .*\bhilum (study run|demo) ", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_shipped_study_is_found_by_name_and_a_wrong_name_by_its_neighbour():
    assert find_study("demo").name == "demo.yaml"
    assert find_study("studies/demo.yaml").name == "demo.yaml"
    with pytest.raises(HilumError, match="Did you mean demo"):
        find_study("dema")


def test_the_tiny_scale_needs_no_weights_of_an_arm_where_a_start_has_their_name():
    study = tiny(read_study(find_study("which_pretraining")))
    assert study.arms["published_dinov2"].init == "random"
    assert study.arms["dinov2"].start == "dinov2"


def test_the_tiny_scale_keeps_every_arm_and_needs_no_data():
    study = parse_study(OWN_IMAGES, where="own.yaml")
    small = tiny(study)
    assert list(small.arms) == list(study.arms)
    assert small.data["ours"].generate is not None
    assert small.finetune.epochs == 2
    assert small.arms["own_moco"].finetune.unfreeze == 2
    assert small.preprocess[1] == {"resize": 64}


def test_official_lists_may_divide_validation_and_chexnets_may_not():
    text = OWN_IMAGES.replace("{patients: [0.7, 0.1, 0.2], seed: 0}", "{lists: official, validation: 0.2}")
    assert parse_study(text, where="own.yaml").task.split == ListedSplit(lists="official", validation=0.2, seed=0)
    assert "have their own validation images" in problems(text.replace("official", "chexnet"))[0]


def test_shipped_studies_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(find_study("demo"), Path)


def test_an_augmentation_may_be_written_as_its_ranges_wherever_one_is_named():
    text = OWN_IMAGES.replace("{unfreeze: 2}", "{augmentation: {like: finetune, flip: 0}}").replace(
        "on: ours",
        "on: ours, augmentation: {like: simclr, crop_area: [0.2, 1]}, second_augmentation: sowrirajan2021_mococxr",
    )
    study = parse_study(text, where="own.yaml")
    init = study.arms["own_moco"].init
    settings = resolved_pretraining(study, init, 1000).settings
    assert (
        settings.augmentation
        == init.augmentation
        == Augmentation(**(AUGMENTATIONS["simclr"].ranges() | {"crop_area": (0.2, 1.0)}))
    )
    assert settings.second_augmentation == "sowrirajan2021_mococxr"
    assert finetune_settings(study, "own_moco", 100).augmentation == Augmentation(
        rotate=15, shift=0.05, scale=(0.95, 1.05)
    )
    assert finetune_settings(study, "scratch", 100).augmentation == "finetune"
    assert study.starts_from("own_moco") == "mocov2 on ours/train, own views"


def test_arms_that_differ_by_their_views_alone_are_pretrained_apart():
    study = read_study(find_study("augmentations"))
    arms = [arm for arm in study.arms if arm != "scratch"]
    assert len({pretraining_directory(study, arm, 0) for arm in arms}) == len(arms)


def test_mistakes_in_a_written_augmentation_are_reported_with_their_line():
    wrong = OWN_IMAGES.replace("on: ours", "on: ours, augmentation: {like: simcrl, flop: 1, flip: 2}")
    assert problems(wrong) == [
        "line 11  arms.own_moco.init.augmentation: like: 'simcrl' is not a named augmentation; did you mean 'simclr'?; "
        "flop: is not a range of views; did you mean 'flip'?; flip: expected a number from 0 to 1; found 2.0"
    ]
    assert (
        "did you mean 'simclr'?" in problems(OWN_IMAGES.replace("on: ours", "on: ours, second_augmentation: simcrl"))[0]
    )


@pytest.mark.parametrize(("section", "old", "new"), [("task", "films", "images"), ("explain", "films", "candidates")])
def test_a_key_of_earlier_study_files_is_reported_by_its_new_name(section, old, new):
    with pytest.raises(HilumErrors) as caught:
        parse_study(f"{section}:\n  {old}: 3\n", where="study.yaml")
    assert any(f"{section}.{old}: was renamed to {new}" in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("finetune", "message"),
    [
        ("weighted: false", "finetune.weighted: was renamed to class_weights    write class_weights: none"),
        (
            "positive_weight_limit: 50",
            "finetune.positive_weight_limit: was renamed to max_class_weight    write max_class",
        ),
        ("lr: 0", "finetune.lr: expected a number above 0; found 0"),
        ("dropout: -0.1", "finetune.dropout: expected a number of at least 0, below 1; found -0.1"),
        ("head: [linear]", "finetune.head: "),
        ("keep: {a: 1}", "finetune.keep: "),
        ("schedule: {plateau: {factor: 2}}", "finetune.schedule.plateau.factor: expected a number above 0, below 1"),
        ("schedule: [cosine]", "finetune.schedule: "),
        ("resample: elwirehardja2025", "finetune.resample: expected output_type multiclass"),
        ("resample: {keep: 40}", "finetune.resample.keep: expected a number above 0, at most 1"),
        ("class_weights: class_frequency", "finetune.class_weights: expected negatives_per_positive"),
        ("head: own", "finetune.head: expected own with one of toh2023_cnn"),
        ("{warmup_steps: 3, warmup_epochs: 1}", "warmup_steps and warmup_epochs are both set"),
    ],
)
def test_settings_of_fine_tuning_that_cannot_be_are_refused_with_their_line(finetune, message):
    expected = finetune if finetune.startswith("{") else f"{{{finetune}}}"
    reported = problems(
        OWN_IMAGES.replace("finetune: {unfreeze: all, lr: 1e-4, epochs: 20, patience: 5}", f"finetune: {expected}")
    )
    assert any(problem.startswith("line 12") and message in problem for problem in reported), reported


def test_an_arms_settings_are_the_studys_but_for_what_it_says():
    study = parse_study(
        OWN_IMAGES.replace("patience: 5}", "patience: 5, schedule: {plateau: {patience: 1}}, warmup_epochs: 2, "
                                           "focal: 2}")
        .replace("{unfreeze: 2}", "{schedule: cosine, warmup_steps: 7, focal: null, keep: best_auroc}"),
        where="own.yaml",
    )  # fmt: skip
    general, own = (finetune_settings(study, arm, 126) for arm in ("scratch", "own_moco"))
    assert (general.schedule, general.plateau_patience, general.plateau_factor) == ("plateau", 1, 0.1)
    assert (general.warmup_epochs, general.focal, general.keep) == (2.0, 2.0, "lowest")
    assert (own.schedule, own.warmup_steps, own.warmup_epochs, own.focal, own.keep) == (
        "cosine",
        7,
        0.0,
        None,
        "best_auroc",
    )


def test_every_setting_of_the_library_can_be_stated_in_a_file():
    known = {field.name for field in fields(FinetuneSettings)}
    of_machine = {"precision", "device", "workers", "checkpoint_every_seconds", "output_type"}
    plateau = {"plateau_factor", "plateau_patience", "plateau_min_lr", "stop_below_lr"}  # under schedule
    assert known - of_machine - plateau == set(Finetuning.model_fields) - {"train"}


def test_what_the_page_on_fine_tuning_shows_can_be_stated():
    page = (Path(__file__).parents[3] / "docs/how-to/finetune.md").read_text(encoding="utf-8")
    blocks = [
        yaml.load(block, Loader=Yaml12Loader) for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    ]
    assert len(blocks) == 3
    for block in blocks:
        if "finetune" in block:
            multiclass = "resample" in block["finetune"]
            assert combination_problems(block["finetune"], {}, multiclass=multiclass) == []
            Finetuning.model_validate(block["finetune"])
        for arm in block.get("arms", {}).values():
            Arm.model_validate(arm)


AS_PUBLISHED = OWN_IMAGES.replace(
    "findings: [Pneumonia, Pleural Effusion", "findings: [Pneumonia, Pleural_Effusion"
).replace("scratch: {encoder: resnet18}", "scratch: {encoder: densenet121, init: chexnet, finetune: none}")


def test_a_published_classifier_is_scored_for_findings_that_it_has():
    study = parse_study(AS_PUBLISHED, where="own.yaml")
    assert not study.finetuning_of("scratch").train
    assert study.finetuning_of("own_moco").train
    assert parse_study(as_yaml(study), where="again.yaml") == study
    for wrong, message in (
        (AS_PUBLISHED.replace("Cardiomegaly]", "Fracture]"), "the classifier of chexnet does not score Fracture"),
        (AS_PUBLISHED.replace("init: chexnet", "init: random"), "the arm's weights have no classifier"),
        (AS_PUBLISHED.replace("init: chexnet", "init: imagenet1k"), "have no classifier    init: chexnet"),
    ):
        assert any("arms.scratch.finetune" in each and message in each for each in problems(wrong)), problems(wrong)

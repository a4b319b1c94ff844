"""Studies of several tasks: one pretraining for all, no patient of any test in it, each task and fraction by itself."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from hilum.artifacts import file_sha256
from hilum.data.manifest import finding_columns
from hilum.errors import HilumErrors
from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study, tiny
from hilum.study.file.views import views_of
from hilum.study.plan import plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare_study

STUDY = """\
question: What do pretraining and labels elsewhere bring, on two tasks?
data:
  nih: {collection: chestxray14}
  chexpert: {collection: chexpert}
  elsewhere: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 32}]
tasks:
  nih:
    on: nih
    findings: [Pleural Effusion, Infiltration]
    split: {lists: official, validation: 0.3}
    label_fraction: [0.4, 1]
    test_on: [elsewhere]
  chexpert:
    on: chexpert
    findings: [Pleural Effusion]
    split: {patients: [0.5, 0.2, 0.3]}
starts:
  ssl: {encoder: small_convnet, pretrain: simclr, on: [nih, chexpert]}
  labels: {encoder: small_convnet, supervise: nih, start: ssl}
arms:
  scratch: {encoder: small_convnet}
  ssl: {start: ssl}
  labels: {start: labels, tasks: [chexpert]}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 1, lr: 1e-3, patience: null}
seeds: [0]
compare: [[ssl, scratch], [labels, ssl]]
evaluate: {n_bootstrap: 100, min_positive_patients: 2, family: all_tasks}
explain: null
"""
NIH_FEW, NIH_ALL, CHEXPERT = "tasks/nih/label_fraction-0.4", "tasks/nih/label_fraction-1", "tasks/chexpert"


@pytest.fixture(scope="session")
def roots(images, generated) -> dict[str, Path]:
    return {"nih": images, "chexpert": generated("chexpert", 90, 1), "elsewhere": generated("vindr_cxr", 90, 2)}


def study_of(text: str = STUDY):
    return parse_study(text, where="tasks.yaml")


@pytest.fixture(scope="session")
def prepared(roots):
    return prepare_study(study_of(), roots)


def test_each_task_and_fraction_is_a_study_of_its_own_in_a_folder_of_its_own():
    views = views_of(study_of())
    assert [view.directory for view in views] == [NIH_FEW, NIH_ALL, CHEXPERT]
    assert [list(view.study.arms) for view in views] == [["scratch", "ssl"]] * 2 + [["scratch", "ssl", "labels"]]
    assert views[2].study.arms["ssl"].encoder == "small_convnet"
    assert views[0].study.compare == [("ssl", "scratch")]
    assert views[2].study.compare == [("ssl", "scratch"), ("labels", "ssl")]


def test_what_tasks_share_is_made_once_before_them():
    steps = steps_of(study_of(), None)
    starts = [step.title for step in steps if step.kind in ("pretrain", "supervise")]
    assert starts == [
        "pretrain simclr small_convnet on nih + chexpert, seed 0",
        "train small_convnet with labels of nih, 2 findings, seed 0",
    ]
    assert len({step.directory for step in steps}) == len(steps)
    assert sum(step.kind == "finetune" for step in steps) == 7
    assert [step.directory for step in steps if step.kind == "external"] == [
        f"{place}/external/{arm}/seed-0" for place in (NIH_FEW, NIH_ALL) for arm in ("scratch", "ssl")
    ]


def test_no_patient_of_any_test_is_learnt_from_before_fine_tuning(prepared):
    pools = prepared.first.identity.pools
    for place, name in ((NIH_ALL, "nih"), (CHEXPERT, "chexpert")):
        task, data = prepared.views[place].task, prepared.first.data[name]
        held = set(data.patients([*task.val.image_ids, *task.test_ids]))
        assert held
        assert not held & set(data.patients(pools[name]))
        assert set(task.train.image_ids) <= set(pools[name])
    assert pools["elsewhere"] == []
    (learnt,) = prepared.first.all_tasks.supervised.values()
    assert set(learnt.task.train.image_ids) == set(prepared.views[NIH_ALL].task.train.image_ids)


def test_a_start_with_labels_neither_trains_nor_validates_on_patients_of_an_external_test(roots):
    text = STUDY.replace(
        "elsewhere: {collection: vindr_cxr}", "elsewhere: {collection: chestxray14, images: {views: [AP]}}"
    )
    text = text.replace("    test_on: [elsewhere]\n", "")
    text = text.replace(
        "    findings: [Pleural Effusion]\n", "    findings: [Pleural Effusion]\n    test_on: {elsewhere: all}\n"
    )
    prepared = prepare_study(study_of(text), roots | {"elsewhere": roots["nih"]})
    view = prepared.views[CHEXPERT]
    tested = set(view.data["elsewhere"].patients(view.external["elsewhere"]))
    (learnt,) = view.all_tasks.supervised.values()
    assert tested & set(view.data["nih"].patients(prepared.views[NIH_ALL].task.val.image_ids))
    assert learnt.task.val.image_ids
    assert not tested & {*learnt.task.train.patient_ids, *learnt.task.val.patient_ids}


def test_fractions_are_nested_and_share_their_test(prepared):
    few, every = prepared.views[NIH_FEW].task, prepared.views[NIH_ALL].task
    assert few.test_ids == every.test_ids
    assert set(few.train_of(0).patient_ids) < set(every.train_of(0).patient_ids)
    assert len(prepared.views[NIH_ALL].external["elsewhere"]) > 0


def test_a_changed_arm_changes_its_own_steps_and_what_is_reported_of_them(prepared, roots):
    def keys(text: str) -> dict[str, str]:
        study = study_of(text)
        return step_keys(steps_of(study, None), prepare_study(study, roots))

    before = step_keys(steps_of(prepared.study, None), prepared)
    changed = "  labels: {start: labels, tasks: [chexpert], finetune: {lr: 2e-3}}"
    after = keys(STUDY.replace("  labels: {start: labels, tasks: [chexpert]}", changed))
    assert {directory for directory in before if before[directory] != after[directory]} == {
        f"{CHEXPERT}/arms/labels/seed-0", f"{CHEXPERT}/evaluation", f"{CHEXPERT}/report", "evaluation", "report",
        f"{NIH_FEW}/report", f"{NIH_ALL}/report",  # their p-values are adjusted with those of the other task
    }  # fmt: skip


def test_a_start_on_the_overlap_of_findings_is_one_for_each_overlap():
    text = STUDY.replace("supervise: nih, start: ssl", "supervise: {on: elsewhere, findings: shared}")
    text = text.replace(", tasks: [chexpert]}", "}").replace("    test_on: [elsewhere]\n", "")
    text = text.replace("[Pleural Effusion, Infiltration]", "[Pleural Effusion, Cardiomegaly]")
    made = [step for step in steps_of(study_of(text), None) if step.kind == "supervise"]
    assert sorted(step.title.split(", ")[1] for step in made) == ["1 finding", "2 findings"]


def test_the_plan_names_tasks_and_what_they_share(roots):
    plan = plan_data(plan_study(study_of(), roots))
    assert [task["name"] for task in plan["tasks"]] == [
        "nih, 40 % of the labels",
        "nih, 100 % of the labels",
        "chexpert",
    ]
    assert len(plan["pretraining"]) == 1
    assert plan["tasks"][0]["test_on"] == {"elsewhere": len(plan_ids(roots))}
    assert plan["refused"] == []


def plan_ids(roots) -> list[str]:
    return list(prepare_study(study_of(), roots).first.external["elsewhere"])


def test_a_column_of_folds_is_a_split(images, tmp_path):
    from hilum.data.collections import read_collection

    manifest = read_collection("chestxray14", images).manifest
    patients = manifest["patient_id"].unique().sort()
    fold_of = dict(zip(patients, [number % 5 for number in range(len(patients))], strict=True))
    folds = pl.Series("fold", [fold_of[patient] for patient in manifest["patient_id"]])
    columns = [name for name in finding_columns(manifest) if name != "labelled"]
    manifest.select("path", "patient_id", folds, *columns).write_csv(tmp_path / "labels.csv")
    text = f"""\
question: Does the split follow the folds?
data: {{ours: {{collection: folder, labels: {tmp_path / "labels.csv"}}}}}
preprocess: [{{square: pad}}, {{resize: 32}}]
task: {{findings: [Infiltration], split: {{column: fold, test: [4], validation: [3]}}}}
arms: {{scratch: {{encoder: small_convnet}}}}
"""
    task = prepare_study(study_of(text), {"ours": images}).first.task
    path_of = dict(manifest.select("path", "patient_id").iter_rows())
    assert task.test_ids
    assert {fold_of[path_of[image]] for image in task.test_ids} == {4}
    assert {fold_of[path_of[image]] for image in task.val.image_ids} == {3}
    assert {fold_of[path_of[image]] for image in task.train.image_ids} == {0, 1, 2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    on: chexpert\n", "    on: chexprt\n", "tasks.chexpert.on: 'chexprt' is not a data set of this study"),
        ("test_on: [elsewhere]", "test_on: [nih]", "tasks.nih.test_on: 'nih' is the task's own data set"),
        ("ssl: {start: ssl}", "ssl: {start: sll}", "arms.ssl.start: 'sll' is not a start of this study"),
        ("ssl: {start: ssl}", "ssl: {start: ssl, encoder: small_convnet}", "arms.ssl.encoder: is not allowed beside start"),
        ("tasks: [chexpert]}", "tasks: [chex]}", "arms.labels.tasks: 'chex' is not a task of this study"),
        ("supervise: nih", "supervise: mimic", "starts.labels.supervise: 'mimic' is not a task of this study"),
        ("[labels, ssl]]", "[labels, sls]]", "compare.1: 'sls' is not an arm of this study"),
        ("family: all_tasks", "reference: ssl", "compare: is not allowed beside evaluate.reference"),
        ("[0.4, 1]", "[40, 100]", "write [0.4, 1]"),
        ("[0.4, 1]", "[1, 0.4]", "[1.0, 0.4] is not ascending; write [0.4, 1.0]"),
        ("[0.5, 0.2, 0.3]", "[50, 20, 30]", "write [0.5, 0.2, 0.3]"),
        ("label_fraction: [0.4, 1]", "labelled: 40", "tasks.nih.labelled: was renamed to label_fraction    write "
                                                     "label_fraction: 0.4"),
        ("label_fraction: [0.4, 1]", "vote: any", "tasks.nih.vote: was renamed to consensus"),
        ("n_bootstrap: 100", "redraws: 100", "evaluate.redraws: was renamed to n_bootstrap"),
    ],
)  # fmt: skip
def test_what_is_wrong_between_tasks_starts_and_arms_is_reported(old, new, message):
    with pytest.raises(HilumErrors) as caught:
        study_of(STUDY.replace(old, new, 1))
    assert any(message in problem for problem in caught.value.problems), caught.value.problems


def test_a_task_and_tasks_are_one_too_many():
    with pytest.raises(HilumErrors, match="task and tasks are both set"):
        study_of(STUDY + "task: {on: nih, findings: [Infiltration], split: {lists: official, validation: 0.3}}\n")


def test_every_collection_of_tasks_shrinks_to_tiny():
    small = tiny(study_of())
    assert [view.directory for view in views_of(small)] == [NIH_FEW, NIH_ALL, CHEXPERT]
    assert all(data.generate is not None for data in small.data.values())


def contents(out: Path) -> dict[str, str]:
    """Hashes of all tables and weights."""
    kinds = ("*.parquet", "*.safetensors", "*.csv")
    files = [
        path for kind in kinds for path in out.rglob(kind) if path.name not in ("curves.parquet", "rejected.parquet")
    ]
    return {str(path.relative_to(out)): file_sha256(path) for path in files}


@pytest.mark.slow
def test_a_study_of_two_tasks_runs_to_its_pages_and_goes_on_where_it_was_cut(roots, unseen, tmp_path):
    out = tmp_path / "out"
    run_study(study_of(), roots, out, show_step=unseen)
    page = (out / "report.html").read_text()
    for place in (NIH_FEW, NIH_ALL, CHEXPERT):
        assert f'href="{place}/report.html"' in page
        assert (out / place / "report.html").is_file()
    assert {step.state for step in study_status(out)} == {"done"}
    tasks = pl.read_parquet(out / "evaluation/tasks.parquet")
    assert tasks.filter(tasks["tasks"] == 1).height == 7
    own = pl.read_parquet(out / CHEXPERT / "evaluation/metrics.parquet").filter(
        metric="auroc", finding="Pleural Effusion"
    )
    message = tasks.filter(place=CHEXPERT).select("arm", "estimate", "ci_low", "ci_high")
    assert message.rows() == own.select("arm", "estimate", "ci_low", "ci_high").rows()
    external = pl.read_parquet(out / NIH_ALL / "evaluation/external.parquet")
    assert set(external["tested_on"]) == {"nih", "elsewhere"}
    whole = contents(out)
    for directory in (f"{CHEXPERT}/arms/labels/seed-0", f"{NIH_FEW}/evaluation", "evaluation"):
        shutil.rmtree(out / directory)
    run_study(study_of(), roots, out, show_step=unseen)
    assert contents(out) == whole

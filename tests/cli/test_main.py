import json

import pytest

import hilum
from hilum.cli import EXIT_USER_ERROR, main


def run(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `hilum …`."""
    monkeypatch.setattr("sys.argv", ["hilum", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("study", "plan", "dema"), "Did you mean demo"),
        (("study", "run", "demo", "--out", "x", "--data", "hospital"), "expected NAME=FOLDER"),
        (("study", "run", "demo", "--out", "x", "--data", "hospital=nowhere"), "nowhere is none"),
        (("study", "run", "chestxray14_tiny", "--out", "x"), "Add --data chestxray14=FOLDER"),
        (
            ("study", "plan", "demo", "--set", "finetune.epochs=many"),
            "finetune.epochs: expected a whole number",
        ),
        (("study", "status", "."), "plan.json"),
        (("ingest", "chestxray14", "nowhere", "--out", "x"), "no such folder"),
        (("evaluate", "nowhere.csv", "--out", "x"), "nowhere.csv"),
        (("compare", "nowhere.csv", "there.csv", "--out", "x"), "nowhere.csv"),
    ],
)
def test_what_a_user_can_fix_is_reported_without_a_traceback(words, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(monkeypatch, capsys, *words)
    assert status == EXIT_USER_ERROR
    assert message in err
    assert "Traceback" not in out + err
    assert not list(tmp_path.rglob("report.html"))


def test_the_version_is_reported(monkeypatch, capsys):
    assert run(monkeypatch, capsys, "--version") == (0, f"hilum {hilum.__version__}\n", "")


def test_a_plan_as_json_is_nothing_but_json(monkeypatch, capsys):
    status, out, _ = run(monkeypatch, capsys, "study", "plan", "demo", "--json")
    plan = json.loads(out)
    assert status == 0
    assert [arm["arm"] for arm in plan["arms"]] == ["scratch", "public_labels", "simclr"]
    assert [step["kind"] for step in plan["steps"]] == [
        *["generate"] * 2,
        *["store"] * 2,
        "supervise",
        "pretrain",
        *["finetune"] * 9,
        "baselines",
        "evaluate",
        "explain",
        "report",
    ]
    assert plan["seconds"] > 0


def test_a_plan_for_people_names_arms_steps_and_what_is_missing(monkeypatch, capsys):
    _, out, _ = run(monkeypatch, capsys, "study", "plan", "chestxray14_tiny")
    assert "mocov2 on chestxray14/train, 50 epochs" in out
    assert "20 steps, 0 done already" in out
    assert "add --data chestxray14=FOLDER" in out


def test_a_folder_for_a_data_set_that_the_study_does_not_have_is_refused(monkeypatch, capsys, tmp_path):
    words = ("study", "plan", "chestxray14_tiny", "--data", f"chestxray={tmp_path}")
    status, _, errors = run(monkeypatch, capsys, *words)
    assert status == EXIT_USER_ERROR
    assert "a data set of the study (chestxray14)" in " ".join(errors.split())


def test_generated_images_are_written_and_ingested(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, capsys, "phantom", "--images", "12", "--size", "32", "--out", "images")[0] == 0
    status, out, _ = run(monkeypatch, capsys, "ingest", "chestxray14", "images", "--out", "ingested", "--json")
    counts = json.loads(out)
    assert (status, counts["images"]) == (0, 12)
    assert (tmp_path / "ingested" / "manifest.parquet").exists()

"""Whatever a study file says: a study, or errors that people can fix; no traceback, no hang."""

import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from hilum.errors import HilumError, HilumErrors
from hilum.study.file import Study, Yaml12Loader, parse_study, read_study

sys.path.insert(0, str(Path(__file__).parent))
from mutated_studies import EVERYTHING, VALUES, mutated

SLOWEST_SECONDS = 5.0


def read_or_refuse(text: str, overrides: list[str] | None = None) -> Study | None:
    began = time.process_time()
    with suppress(HilumError):
        return parse_study(text, where="study.yaml", overrides=overrides or [])
    assert time.process_time() - began < SLOWEST_SECONDS
    return None


def test_the_study_that_is_mutated_is_right_and_says_everything():
    study = parse_study(EVERYTHING, where="everything.yaml")
    assert set(Study.model_fields) - {"tasks"} == study.model_fields_set  # task is reported
    assert (
        set(type(study.finetune).model_fields) - {"steps", "warmup_steps"} == study.finetune.model_fields_set
    )  # epochs are reported


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 200, 50)], ids=str)
def test_mutated_studies(seeds):
    for seed in seeds:
        read_or_refuse(mutated(seed))


@pytest.mark.slow
def test_five_thousand_mutated_studies():
    for seed in range(1000, 6000):
        read_or_refuse(mutated(seed))


def places(content: object, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inside = content.items() if isinstance(content, dict) else ()
    return [place] * bool(place) + [each for key, value in inside for each in places(value, (*place, str(key)))]


def replaced(place: tuple[str, ...], value: object) -> str:
    content = yaml.load(EVERYTHING, Loader=Yaml12Loader)
    holder = content
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = value
    return str(yaml.dump(content, Dumper=getattr(yaml, "CDumper", yaml.Dumper)))


PLACES = places(yaml.load(EVERYTHING, Loader=Yaml12Loader))


def test_one_of_many_values_in_any_place():
    draw = random.Random(0)
    for place in PLACES:
        read_or_refuse(replaced(place, draw.choice(VALUES)))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_any_value_in_any_place(place):
    for value in VALUES:
        read_or_refuse(replaced(place, value))


@settings(max_examples=30, deadline=None)
@given(
    st.text(max_size=40), st.sampled_from(["arms", "task.on", "evaluate.reference", "seeds", "data.ours", "a..b", ""])
)
def test_any_override(value, key):
    read_or_refuse(EVERYTHING, [f"{key}={value}"])
    read_or_refuse(EVERYTHING, [value])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("&a [*a]", "more than 100,000 values"),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
        ), "more than 100,000 values"),
        ("[" * 20_000, "more than 50 levels deep"),
        ("question: !!int x", "invalid literal"),
        ("question: !!timestamp x", "YAML"),
        ("question: !!bool x", "YAML"),
        ("question: " + "1" * 5000, "YAML|digits"),
        ("question: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    ],
    ids=["contains itself", "unfolds", "deep", "int", "timestamp", "bool", "digits", "code"],
)  # fmt: skip
def test_yaml_that_is_more_than_it_seems(text, message):
    with pytest.raises(HilumError, match=message):
        parse_study(text, where="study.yaml")


@pytest.mark.parametrize(
    "key", ["evaluate.reference", "starts.ssl.encoder", "arms.scratch.encoder", "data.ours.collection"]
)
@pytest.mark.parametrize("value", ["[scratch]", "{scratch: 1}", "[[scratch]]"])
def test_a_list_where_a_name_belongs_is_a_clear_error(key, value):
    with pytest.raises(HilumErrors, match=f"{key}: Input should be a valid string") as caught:
        parse_study(EVERYTHING, where="study.yaml", overrides=[f"{key}={value}"])
    assert value.strip("[{")[:7] in str(caught.value)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "\x00", "a\nb", "x" * 101, "/etc", "a\\b"])
@pytest.mark.parametrize("section", ["arms", "data"])
def test_a_name_that_would_leave_the_studys_folder_is_refused(section, name):
    content = yaml.load(EVERYTHING, Loader=Yaml12Loader)
    content[section][name] = {"encoder": "resnet18"} if section == "arms" else {"collection": "folder"}
    with pytest.raises(HilumErrors, match=section):
        parse_study(yaml.safe_dump(content), where="study.yaml")


@pytest.mark.parametrize("value", [".inf", "1e400", ".nan"])
@pytest.mark.parametrize("key", ["finetune.lr", "finetune.weight_decay", "evaluate.margin", "pretrain.lr"])
def test_numbers_without_end_are_refused(key, value):
    with pytest.raises(HilumErrors, match=key):
        parse_study(EVERYTHING, where="study.yaml", overrides=[f"{key}={value}"])


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "latin1.yaml").write_bytes("question: größer".encode("latin1"))
    (tmp_path / "huge.yaml").write_bytes(b"# " + b"x" * 5_000_000)
    for path in (tmp_path, tmp_path / "latin1.yaml", tmp_path / "huge.yaml", tmp_path / "absent.yaml"):
        with pytest.raises(HilumError, match="expected a"):
            read_study(path)


NASTY = {
    "finetune.lr=0": "finetune.lr: expected a number above 0; found 0",
    "finetune.lr=.nan": "finetune.lr: expected a number above 0; found '.nan'",
    "finetune.dropout=-0.1": "finetune.dropout: expected a number of at least 0, below 1; found -0.1",
    "finetune.dropout=1": "finetune.dropout: expected a number of at least 0, below 1; found 1",
    "finetune.batch_size=0": "finetune.batch_size: expected a whole number of at least 1; found 0",
    "finetune.schedule=step": "finetune.schedule: 'step' is not one of cosine, constant, plateau",
    "arms.named.finetune.unfreeze=9": "arms.named.finetune.unfreeze: 9 blocks, but densenet121 has 4",
    "arms.named.finetune.unfreeze=-1": "expected a whole number of at least 0, or all; found -1",
    "task.label_fraction=0": "task.label_fraction: expected a number above 0; found 0",
    "task.label_fraction=10": "is in percent, but a fraction is expected; write 0.1",
    "task.unit=exam": "task.unit: 'exam' is not one of image, study",
    "task.on={a: 1}": "task.on: Input should be a valid string",
    "task.on=[ours, {a: 1}]": "task.on: Input should be a valid string",
    "task.on=[ours, ours]": "'ours' is listed twice",
    "task.on=[ours, nowhere]": "'nowhere' is not a data set of this study",
    "data.both.pool=[[ours], ours]": "data.both.pool.0: Input should be a valid string",
    "sweep.over={learning_rate: [1]}": "sweep.over.learning_rate: is not a setting of fine-tuning",
    "sweep.over={lr: [[1e-3], {a: 1}]}": "sweep.over.lr.0: expected a number above 0",
    "sweep.over={encoder: [[resnet18]]}": "is not an encoder    did you mean 'resnet18'?",
    "arms.elsewhere.features.head=tree": "'tree' is not one of logistic, knn, mlp, linear",
    "arms.elsewhere.features.table={nowhere: x}": "'nowhere' is not a data set of this study",
    "arms.elsewhere.encoder=resnet18": "arms.elsewhere.encoder: is not allowed beside features",
    "starts.ssl.start=chain": "starts.ssl.start: starts from itself: ssl from chain from labels",
    "seeds=[-1]": "seeds.0: expected a whole number from 0 to 4,294,967,295; found -1",
}


@pytest.mark.parametrize("override", NASTY)
def test_bad_settings_are_refused_by_key(override):
    changes = ["starts.labels.start=ssl"] if override.startswith("starts.ssl") else []
    with pytest.raises(HilumErrors) as caught:
        parse_study(EVERYTHING, where="study.yaml", overrides=[*changes, override])
    assert NASTY[override] in "\n".join(caught.value.problems)


def test_all_bad_settings_are_reported_at_once_with_their_lines():
    bad = {
        "lr: 1e-4, head_lr": "lr: 0, head_lr",
        "[PA, AP]": "3",
        "dropout: 0, tta": "dropout: -1, tta",
        "pool: [ours, more]": "pool: [ours]",
    }
    text = EVERYTHING
    for good, wrong in bad.items():
        assert good in text
        text = text.replace(good, wrong)
    with pytest.raises(HilumErrors) as caught:
        parse_study(text, where="study.yaml")
    assert len(caught.value.problems) >= len(bad)
    assert all(problem.startswith("line ") for problem in caught.value.problems)


def test_a_start_without_a_name_is_refused():
    """Found among 5,000 mutated studies: a null key goes on from nothing, which is no circle."""
    content = yaml.load(EVERYTHING, Loader=Yaml12Loader)
    content["starts"] = {None: {"encoder": "resnet18", "pretrain": "simclr"}}
    with pytest.raises(HilumErrors):
        parse_study(str(yaml.dump(content)), where="study.yaml")

"""Whatever a study file says: a study, or errors that people can fix; no traceback, no hang."""

import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

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
    return str(yaml.dump(content))


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
        ("[" * 20_000, "more than 50 deep"),
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


@pytest.mark.parametrize("key", ["evaluate.reference", "task.on", "arms.scratch.encoder", "data.ours.collection"])
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

import json

import pytest

import hilum.cli
from hilum.encoders.catalogue import ARCHITECTURES


@pytest.fixture
def answer(monkeypatch, capsys):
    def of(*words):
        monkeypatch.setattr("sys.argv", ["hilum", "encoders", *words])
        with pytest.raises(SystemExit) as stopped:
            hilum.cli.main()
        return stopped.value.code or 0, *capsys.readouterr()

    return of


def test_every_encoder_is_listed_with_its_numbers(answer):
    code, text, _ = answer()
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:]}
    assert list(rows) == list(ARCHITECTURES)
    assert rows["vit_small_patch14_dinov2"][:4] == ["21,905,664", "12", "14", "384"]
    assert rows["toh2023_xvt"][:5] == ["2,745,792", "2,823,758", "6", "14", "192"]


def test_the_list_as_json_is_the_catalogue(answer):
    listed = json.loads(answer("--json")[1])
    assert [row["name"] for row in listed] == list(ARCHITECTURES)
    assert {"parameters", "blocks", "patch", "feature_width"} <= set(listed[0])


def test_one_encoder_is_shown_with_its_layer_groups_and_the_papers(answer):
    _, text, _ = answer("toh2023_resnet")
    assert "6,289,248 parameters with one input channel" in text
    assert "6,299,342 parameters" in text
    assert "4,724,352" in text
    assert "running means and variances" in answer("densenet121")[1]


def test_one_encoder_as_json_adds_up(answer):
    shown = json.loads(answer("convnextv2_atto", "--json")[1])
    assert sum(shown["groups"].values()) == shown["architecture"]["parameters"] == 3_386_120
    assert shown["published"] is None


def test_an_unknown_encoder_is_refused_with_the_nearest(answer):
    code, _, error = answer("vit_small_patch14_dinov3")
    assert code == 2
    assert "found vit_small_patch14_dinov3. The nearest names: vit_small_patch1" in error

"""A study in which one arm is a published classifier as it is: every step behind it takes its scores."""

import json

import polars as pl
import pytest
import torch

from hilum.encoders.card import read_card
from hilum.encoders.published import published_weights
from hilum.encoders.zoo import create_encoder
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import arm_row, plan_data, plan_study

CHEXNET = published_weights()["chexnet"]


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of CheXNet's layout with random weights, in the weights folder."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("HILUM_WEIGHTS", str(folder))
    body = create_encoder("densenet121", seed=0).body.state_dict()
    state = {f"module.densenet121.{_native(key)}": tensor.clone() for key, tensor in body.items()}
    stem = "module.densenet121.features.conv0.weight"
    state[stem] = state[stem].expand(-1, 3, -1, -1).clone()
    generator = torch.Generator().manual_seed(0)
    state["module.densenet121.classifier.0.weight"] = torch.randn(14, 1024, generator=generator)
    state["module.densenet121.classifier.0.bias"] = torch.zeros(14)
    torch.save({"epoch": 1, "state_dict": state}, folder / CHEXNET.source.file)


def _native(key):
    for name in ("norm1", "norm2", "conv1", "conv2"):
        key = key.replace(f".{name}.", f".{name[:-1]}.{name[-1]}.")
    return key


@pytest.mark.slow
def test_a_study_scores_a_published_classifier_and_reports_it(small_text, images, unseen, weights, tmp_path):
    text = small_text.replace("  scratch: {encoder: small_convnet}\n", "").split("  simclr:")[0]
    text += "  chexnet: {encoder: densenet121, init: chexnet, finetune: none}\n  scratch: {encoder: small_convnet}\n"
    text += small_text[small_text.index("\npretrain:") + 1 :].replace(
        "explain: null", "explain: {points: 20, candidates: 20}"
    )
    study = parse_study(
        text, where="published.yaml", overrides=["evaluate.contaminated=mark", "finetune.epochs=1", "finetune.tta=flip"]
    )
    roots = {"images": images}
    plan = plan_study(study, roots)
    assert arm_row(plan, "chexnet")["trainable_parameters"] == 0
    assert [row["arms"] for row in plan_data(plan)["finetuning"]] == [["scratch"]]
    page = run_study(study, roots, tmp_path / "out", show_step=unseen)
    assert "chexnet, with its classifier, as published" in page.read_text(encoding="utf-8")
    card = read_card(tmp_path / "out/arms/chexnet/seed-0")
    assert (card.method, card.n_training_images) == ("as published", 0)
    predictions = pl.read_parquet(tmp_path / "out/evaluation/predictions/chexnet/seed-0.parquet")
    assert predictions.select(pl.selectors.starts_with("p_")).null_count().sum_horizontal().item() == 0
    metrics = pl.read_parquet(tmp_path / "out/evaluation/metrics.parquet")
    assert set(metrics["arm"]) == {"chexnet", "scratch"}
    learning = json.loads((tmp_path / "out/arms/chexnet/seed-0/learning.json").read_text())
    assert learning["epochs"] == 0

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from hilum.data.labelled_images import LabelledImages
from hilum.data.resampling import Resampling
from hilum.finetuning.losses import multiclass_cross_entropy
from hilum.finetuning.output_types import class_balance, make_output_type
from hilum.finetuning.settings import FinetuneSettings
from hilum.training.distributed import global_mean_part

NAN = math.nan


def test_exclusive_probabilities_are_shares_and_the_others_are_by_themselves():
    logits = torch.tensor([[0.0, math.log(3.0)], [2.0, 2.0]])
    torch.testing.assert_close(
        make_output_type("multiclass").probabilities(logits), torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    )
    torch.testing.assert_close(make_output_type("multilabel").probabilities(logits)[0], torch.tensor([0.5, 0.75]))


def test_exclusive_classes_cost_the_log_of_the_share_that_the_right_one_has():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    total, images = multiclass_cross_entropy(logits, targets, torch.tensor([10.0, 1.0]))
    assert total.item() == pytest.approx(math.log(4 / 3) + 10 * math.log(2))
    assert images.item() == 2


def test_exclusive_weights_are_those_of_scikit_learn():
    classes = np.array([0, 0, 0, 0, 1, 1, 2, 0, 0, 0])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=classes)
    weights = make_output_type("multiclass").class_weights(np.eye(3, dtype=np.float32)[classes], "balanced", most=100)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[classes].mean() == pytest.approx(1.0)


def test_weights_stay_within_the_limit_and_an_empty_class_weighs_one():
    targets = np.eye(3, dtype=np.float32)[[0] * 999 + [1]]
    weights = make_output_type("multiclass").class_weights(targets, "balanced", most=50)
    assert weights.tolist() == pytest.approx([1000 / 2997, 50, 1])


@pytest.mark.parametrize(("name", "terms"), [("multilabel", 3), ("multilabel_u_multiclass", 3), ("multiclass", 2)])
def test_terms_are_known_labels_or_images(name, terms):
    assert make_output_type(name).terms(torch.tensor([[1.0, 0.0], [1.0, NAN]]), torch.ones(2)) == terms


def test_the_terms_stated_beforehand_are_those_of_the_loss():
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for name in ("multilabel", "multilabel_u_multiclass", "multiclass"):
        output_type = make_output_type(name)
        outputs = torch.zeros(2, 2 * output_type.outputs_a_finding)
        assert output_type.loss(outputs, targets, torch.ones(2))[1] == output_type.terms(targets, torch.ones(2))


@pytest.mark.parametrize("name", ["multilabel", "multilabel_u_multiclass", "multiclass"])
def test_the_loss_of_chance_is_the_least_that_constant_scores_can_have(name):
    draw = np.random.default_rng(0)
    output_type = make_output_type(name)
    if name == "multiclass":
        targets = np.eye(3, dtype=np.float32)[draw.integers(0, 3, 60)]
    else:
        targets = draw.integers(0, 3 if name == "multilabel_u_multiclass" else 2, (60, 3)).astype(np.float32)
        targets[draw.random((60, 3)) < 0.2] = np.nan
    weights = np.array([1.0, 3.0, 0.5], dtype=np.float32)
    bias = torch.zeros(3 * output_type.outputs_a_finding, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=100)

    def loss():
        optimizer.zero_grad()
        total, terms = output_type.loss(bias.expand(60, -1), torch.from_numpy(targets), torch.from_numpy(weights))
        mean = total / terms
        mean.backward()
        return mean

    optimizer.step(loss)
    assert output_type.chance_loss(targets, weights) == pytest.approx(loss().item(), abs=1e-4)


@pytest.mark.parametrize("options", [{"focal": 2.0}, {"label_smoothing": 0.2}])
@pytest.mark.parametrize("name", ["multilabel", "multilabel_u_multiclass", "multiclass"])
def test_the_loss_of_chance_is_found_for_losses_without_a_closed_form(name, options):
    draw = np.random.default_rng(1)
    output_type = make_output_type(name, **options)
    if name == "multiclass":
        targets = np.eye(3, dtype=np.float32)[draw.integers(0, 3, 40)]
    else:
        targets = draw.integers(0, 3 if name == "multilabel_u_multiclass" else 2, (40, 3)).astype(np.float32)
        targets[0, 1] = np.nan
    weights = np.array([1.0, 3.0, 0.5], dtype=np.float32)
    least = output_type.chance_loss(targets, weights)
    for seed in range(200):
        constant = torch.randn(3 * output_type.outputs_a_finding, generator=torch.Generator().manual_seed(seed))
        total, terms = output_type.loss(constant.expand(40, -1), torch.from_numpy(targets), torch.from_numpy(weights))
        assert (total / terms).item() >= least - 1e-5
    assert least > 0.01


def test_a_weighted_mean_is_that_of_pytorch():
    generator = torch.Generator().manual_seed(0)
    logits, classes = torch.randn(8, 3, generator=generator), torch.tensor([0, 0, 0, 0, 0, 1, 2, 0])
    weights = torch.tensor([0.05, 2.0, 4.0])
    output_type = make_output_type("multiclass", weighted_mean=True)
    total, divisor = output_type.loss(logits, torch.eye(3)[classes], weights)
    expected = torch.nn.CrossEntropyLoss(weight=weights)(logits, classes)
    torch.testing.assert_close(total / divisor, expected)
    only_common = torch.eye(3)[classes[:5]]  # their weights add up to less than one
    total, divisor = output_type.loss(logits[:5], only_common, weights)
    torch.testing.assert_close(global_mean_part(total, divisor), torch.nn.CrossEntropyLoss()(logits[:5], classes[:5]))


def test_the_balance_of_classes_is_reported_before_and_after_resampling():
    classes = np.array([0] * 90 + [1] * 8 + [2] * 2)
    train = LabelledImages(
        [f"image{n}" for n in range(100)], [f"p{n}" for n in range(100)], np.eye(3, dtype=np.float32)[classes]
    )
    settings = FinetuneSettings(output_type="multiclass", resample=Resampling(above=4, below=0.5, keep=0.4))
    balance = class_balance(["a", "b", "c"], train, settings, seed=0)
    assert [each["images"] for each in balance.values()] == [90, 8, 2]
    assert [each["weight"] for each in balance.values()] == pytest.approx([100 / 270, 100 / 24, 100 / 6])
    assert [each["resampled"] for each in balance.values()] == [36, 48, 12]
    assert [each["loss_weight"] for each in balance.values()] == pytest.approx([96 / 108, 96 / 144, 96 / 36])

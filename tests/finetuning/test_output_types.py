import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from hilum.finetuning.losses import exclusive_cross_entropy
from hilum.finetuning.output_types import make_answers

NAN = math.nan


def test_exclusive_probabilities_are_shares_and_the_others_are_by_themselves():
    logits = torch.tensor([[0.0, math.log(3.0)], [2.0, 2.0]])
    torch.testing.assert_close(
        make_answers("exclusive").probabilities(logits), torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    )
    torch.testing.assert_close(make_answers("each").probabilities(logits)[0], torch.tensor([0.5, 0.75]))


def test_exclusive_classes_cost_the_log_of_the_share_that_the_right_one_has():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    total, images = exclusive_cross_entropy(logits, targets, torch.tensor([10.0, 1.0]))
    assert total.item() == pytest.approx(math.log(4 / 3) + 10 * math.log(2))
    assert images.item() == 2


def test_exclusive_weights_are_those_of_scikit_learn():
    classes = np.array([0, 0, 0, 0, 1, 1, 2, 0, 0, 0])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=classes)
    weights = make_answers("exclusive").class_weights(np.eye(3, dtype=np.float32)[classes], "balanced", most=100)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[classes].mean() == pytest.approx(1.0)


def test_weights_stay_within_the_limit_and_an_empty_class_weighs_one():
    targets = np.eye(3, dtype=np.float32)[[0] * 999 + [1]]
    weights = make_answers("exclusive").class_weights(targets, "balanced", most=50)
    assert weights.tolist() == pytest.approx([1000 / 2997, 50, 1])


@pytest.mark.parametrize(("name", "terms"), [("each", 3), ("each_or_uncertain", 3), ("exclusive", 2)])
def test_terms_are_known_labels_or_images(name, terms):
    assert make_answers(name).terms(torch.tensor([[1.0, 0.0], [1.0, NAN]]), torch.ones(2)) == terms


def test_the_terms_said_beforehand_are_those_of_the_loss():
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for name in ("each", "each_or_uncertain", "exclusive"):
        answers = make_answers(name)
        outputs = torch.zeros(2, 2 * answers.outputs_a_finding)
        assert answers.loss(outputs, targets, torch.ones(2))[1] == answers.terms(targets, torch.ones(2))


@pytest.mark.parametrize("name", ["each", "each_or_uncertain", "exclusive"])
def test_the_loss_of_chance_is_the_least_that_constant_scores_can_have(name):
    draw = np.random.default_rng(0)
    answers = make_answers(name)
    if name == "exclusive":
        targets = np.eye(3, dtype=np.float32)[draw.integers(0, 3, 60)]
    else:
        targets = draw.integers(0, 3 if name == "each_or_uncertain" else 2, (60, 3)).astype(np.float32)
        targets[draw.random((60, 3)) < 0.2] = np.nan
    weights = np.array([1.0, 3.0, 0.5], dtype=np.float32)
    bias = torch.zeros(3 * answers.outputs_a_finding, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=100)

    def loss():
        optimizer.zero_grad()
        total, terms = answers.loss(bias.expand(60, -1), torch.from_numpy(targets), torch.from_numpy(weights))
        mean = total / terms
        mean.backward()
        return mean

    optimizer.step(loss)
    assert answers.chance_loss(targets, weights) == pytest.approx(loss().item(), abs=1e-4)

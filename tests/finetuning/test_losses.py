import math

import numpy as np
import pytest
import torch

from hilum.finetuning.losses import (
    class_frequencies_of,
    clip_weights,
    inverse_frequencies_of,
    masked_bce,
    masked_u_multiclass,
    multiclass_cross_entropy,
    negatives_per_positive_of,
)

NAN = math.nan


def slow_masked_bce(logits, targets, weights):
    total, known = 0.0, 0
    for row_logits, row_targets in zip(logits.tolist(), targets.tolist(), strict=True):
        for logit, target, weight in zip(row_logits, row_targets, weights.tolist(), strict=True):
            if math.isnan(target):
                continue
            p = 1 / (1 + math.exp(-logit))
            total -= weight * target * math.log(p) + (1 - target) * math.log(1 - p)
            known += 1
    return total, known


def test_logits_of_zero_cost_log_two_for_a_negative_and_weight_times_log_two_for_a_positive():
    total, known = masked_bce(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, NAN]]), torch.tensor([5.0, 7.0, 9.0]))
    assert total.item() == pytest.approx(6 * math.log(2))
    assert known.item() == 2


def test_equals_the_definition_written_out():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20, 4, generator=generator)
    targets = torch.randint(0, 2, (20, 4), generator=generator).float()
    targets[torch.rand(20, 4, generator=generator) < 0.3] = NAN
    weights = torch.tensor([0.5, 1.0, 3.0, 40.0])
    total, known = masked_bce(logits, targets, weights)
    expected, count = slow_masked_bce(logits, targets, weights)
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert known.item() == count


def test_the_gradient_of_a_known_label_is_p_minus_y_and_of_an_unknown_one_zero():
    logits = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    masked_bce(logits, torch.tensor([[1.0, 0.0, NAN]]), torch.tensor([3.0, 1.0, 1.0]))[0].backward()
    assert logits.grad.tolist()[0] == pytest.approx([3 * (0.5 - 1), 1 / (1 + math.exp(-1)), 0.0])


def test_a_batch_without_any_known_label_costs_nothing_and_pulls_nowhere():
    logits = torch.tensor([[1.0, -1.0]], requires_grad=True)
    loss, known = masked_bce(logits, torch.full((1, 2), NAN), torch.ones(2))
    loss.backward()
    assert (loss.item(), known) == (0.0, 0)
    assert logits.grad.tolist() == [[0.0, 0.0]]


def test_extreme_logits_stay_finite():
    total, _ = masked_bce(torch.tensor([[500.0, -500.0]]), torch.tensor([[0.0, 1.0]]), torch.ones(2))
    assert total.item() == pytest.approx(1000.0)


def test_weights_are_negatives_by_positives_of_the_known_labels():
    targets = np.array([[1, 0, NAN], [0, 0, 1], [0, 1, 1], [0, NAN, 1], [NAN, 0, 0]], dtype=np.float32)
    assert negatives_per_positive_of(targets).tolist() == pytest.approx([3 / 1, 3 / 1, 1 / 3])


def test_a_finding_without_positives_weighs_one_and_extremes_are_held():
    targets = np.zeros((1000, 3), dtype=np.float32)
    targets[0, 1] = 1
    targets[:, 2] = 1
    weights = clip_weights(negatives_per_positive_of(targets), 100.0)
    assert weights.tolist() == pytest.approx([1.0, 100.0, 0.01])


def test_three_classes_that_say_nothing_cost_log_three_each_and_positives_their_weight():
    targets = torch.tensor([[0.0, 1.0, 2.0, NAN]])
    total, known = masked_u_multiclass(torch.zeros(1, 4, 3), targets, torch.tensor([5.0, 7.0, 9.0, 3.0]))
    assert known == 3
    assert total.item() == pytest.approx((1 + 7 + 1) * math.log(3))


def test_three_classes_equal_the_definition_written_out():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 2, 3, generator=generator)
    targets = torch.tensor([[0, 1], [2, NAN], [1, 0], [NAN, 2], [1, 1]], dtype=torch.float32)
    weights = torch.tensor([3.0, 0.5])
    expected = 0.0
    for image in range(5):
        for finding in range(2):
            if not targets[image, finding].isnan():
                odds = logits[image, finding].exp()
                wanted = int(targets[image, finding])
                expected -= (weights[finding] if wanted == 1 else 1.0) * (odds[wanted] / odds.sum()).log()
    assert masked_u_multiclass(logits, targets, weights)[0].item() == pytest.approx(float(expected), rel=1e-5)


def test_a_masked_loss_is_that_of_the_observed_part_and_a_masked_batch_costs_nothing():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(6, 3, generator=generator)
    targets = torch.randint(0, 2, (6, 3), generator=generator).float()
    weights = torch.tensor([2.0, 0.5, 7.0])
    hidden = torch.rand(6, 3, generator=generator) < 0.4
    masked = targets.masked_fill(hidden, NAN)
    for options in ({}, {"focal": 2.0}, {"label_smoothing": 0.2}):
        total, count = masked_bce(logits, masked, weights, **options)
        parts = [
            masked_bce(logits[i : i + 1, j : j + 1], targets[i : i + 1, j : j + 1], weights[j : j + 1], **options)[0]
            for i, j in (~hidden).nonzero().tolist()
        ]
        assert count == len(parts)
        assert total.item() == pytest.approx(sum(part.item() for part in parts), rel=1e-5)
        for loss in (masked_bce, multiclass_cross_entropy):
            blank = logits.clone().requires_grad_()
            total, count = loss(blank, torch.full((6, 3), NAN), weights, **options)
            total.backward()
            assert (total.item(), count.item()) == (0.0, 0.0)
            assert not blank.grad.any()


def test_the_focal_loss_is_lins():
    """Lin et al., ICCV 2017, eq. 4: -(1 - p_t)^2 log p_t; at p = 0.9 a hundredth of cross-entropy (their section 3.2)."""
    logit = math.log(9)
    positive, negative = torch.tensor([[1.0]]), torch.tensor([[0.0]])
    ones = torch.ones(1)
    assert masked_bce(torch.tensor([[logit]]), positive, ones, focal=2)[0].item() == pytest.approx(
        -0.01 * math.log(0.9), rel=1e-4
    )
    assert masked_bce(torch.tensor([[logit]]), negative, ones, focal=2)[0].item() == pytest.approx(
        -0.81 * math.log(0.1), rel=1e-4
    )
    two = torch.tensor([[0.0, logit]])
    total, _ = multiclass_cross_entropy(two, torch.tensor([[0.0, 1.0]]), torch.tensor([1.0, 3.0]), focal=2)
    assert total.item() == pytest.approx(-3 * 0.01 * math.log(0.9), rel=1e-4)
    assert masked_bce(torch.tensor([[logit]]), positive, ones, focal=0)[0].item() == pytest.approx(-math.log(0.9))


def test_smoothed_labels_cost_their_mixture():
    logits = torch.tensor([[1.0, -2.0, 0.5]])
    targets = torch.tensor([[0.0, 1.0, 0.0]])
    p = logits.sigmoid()
    y = targets * 0.9 + 0.05
    expected = -(y * p.log() + (1 - y) * (1 - p).log()).sum()
    assert masked_bce(logits, targets, torch.ones(3), label_smoothing=0.1)[0].item() == pytest.approx(expected.item())
    smooth = multiclass_cross_entropy(logits, targets, torch.ones(3), label_smoothing=0.1)[0]
    torch.testing.assert_close(smooth, torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits, torch.tensor([1])))


def test_images_of_an_unknown_class_do_not_count():
    logits = torch.tensor([[0.0, math.log(3.0)], [5.0, 1.0]])
    targets = torch.tensor([[0.0, 1.0], [NAN, NAN]])
    total, count = multiclass_cross_entropy(logits, targets, torch.tensor([10.0, 2.0]))
    assert total.item() == pytest.approx(2 * math.log(4 / 3))
    assert count.item() == 1


def test_weights_follow_the_known_labels():
    targets = np.array([[1, 0], [0, 1], [0, NAN], [0, 0]], dtype=np.float32)
    assert inverse_frequencies_of(targets).tolist() == [4.0, 3.0]
    assert class_frequencies_of(np.eye(3, dtype=np.float32)[[0, 0, 0, 1]]).tolist() == pytest.approx([4 / 9, 4 / 3, 1])
    assert clip_weights(np.array([0.001, 493.0]), None).tolist() == pytest.approx([0.001, 493.0])

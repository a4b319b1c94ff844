import math

import pytest
import torch

from hilum.pretext.losses import (
    patch_distillation,
    teacher_entropy,
    teacher_probabilities,
    update_center,
    view_distillation,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_views_that_say_nothing_cost_the_log_of_the_prototypes():
    flat = torch.full((3, 8), 1 / 8)
    assert view_distillation([torch.zeros(3, 8)] * 4, [flat, flat], 0.1).item() == pytest.approx(math.log(8))


def test_view_distillation_equals_the_definition_written_out():
    student = [draw(2, 4, seed=s) for s in range(4)]
    teacher = [draw(2, 4, seed=10 + t).softmax(1) for t in range(2)]
    terms = []
    for t in range(2):
        for s in range(4):
            if s != t:
                for n in range(2):
                    odds = [math.exp(value / 0.1) for value in student[s][n].tolist()]
                    terms.append(
                        -sum(p * math.log(o / sum(odds)) for p, o in zip(teacher[t][n].tolist(), odds, strict=True))
                    )
    assert view_distillation(student, teacher, 0.1).item() == pytest.approx(sum(terms) / len(terms), rel=1e-9)


def test_view_distillation_equals_lightlys():
    from lightly.loss import DINOLoss

    student = [draw(3, 6, seed=s).float() for s in range(4)]
    teacher = [draw(3, 6, seed=10 + t).float() for t in range(2)]
    theirs = DINOLoss(output_dim=6, teacher_temp=0.05, warmup_teacher_temp=0.05, student_temp=0.1)
    expected = theirs([t.unsqueeze(0)[0] for t in teacher], student, epoch=0)
    ours = view_distillation(student, [teacher_probabilities(t, torch.zeros(6), 0.05) for t in teacher], 0.1)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)


def test_patches_are_averaged_within_an_image_first():
    # Image 0 has one masked patch that costs log 4, image 5 two that cost nothing.
    student = torch.tensor([[0.0, 0, 0, 0], [1e3, 0, 0, 0], [1e3, 0, 0, 0]])
    teacher = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0], [1.0, 0, 0, 0]])
    found = patch_distillation(student, teacher, torch.tensor([0, 5, 5]), 1.0)
    assert found.item() == pytest.approx(math.log(4) / 2)


def test_patch_distillation_equals_lightlys():
    from lightly.loss import IBOTPatchLoss

    mask = torch.zeros(3, 2, 2, dtype=torch.bool)
    mask[0, 0, 1] = mask[2, 1, 1] = mask[2, 0, 0] = True
    student, teacher = draw(3, 5, seed=1).float(), draw(3, 5, seed=2).float()
    theirs = IBOTPatchLoss(output_dim=5, teacher_temp=0.05, student_temp=0.1)
    images = mask.flatten(1).nonzero()[:, 0]
    expected = theirs(teacher_out=teacher, student_out=student, mask=mask)
    ours = patch_distillation(student, teacher_probabilities(teacher, torch.zeros(5), 0.05), images, 0.1)
    # lightly divides by all images of the batch, also those without a masked patch: 3 instead of 2.
    assert ours.item() * 2 / 3 == pytest.approx(expected.item(), rel=1e-5)


def test_nothing_masked_costs_nothing_and_keeps_the_graph():
    student = torch.zeros(0, 4, requires_grad=True)
    loss = patch_distillation(student, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 0.1)
    loss.backward()
    assert loss.item() == 0


def test_a_center_as_strong_as_the_logits_leaves_nothing_to_say():
    logits = torch.tensor([[3.0, 1.0, -2.0]])
    assert torch.allclose(teacher_probabilities(logits, logits[0], 0.04), torch.full((1, 3), 1 / 3))


def test_the_center_moves_a_tenth_of_the_way():
    center = update_center(torch.zeros(2), torch.tensor([[1.0, 3.0], [3.0, 5.0]]), momentum=0.9)
    assert torch.allclose(center, torch.tensor([0.2, 0.4]))


def test_entropy_has_its_extremes():
    assert teacher_entropy(torch.eye(4)).item() == 0
    assert teacher_entropy(torch.full((2, 4), 0.25)).item() == pytest.approx(math.log(4))

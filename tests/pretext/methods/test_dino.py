import pytest
import torch

from hilum.augment import AUGMENTATIONS, random_views
from hilum.encoders.zoo import create_encoder
from hilum.pretext.losses import sinkhorn_assignments, teacher_probabilities, view_distillation
from hilum.pretext.losses.koleo import koleo
from hilum.pretext.methods import DINO, DINOSettings, PretextRun

AUGMENTATION = AUGMENTATIONS["simclr"]
RUN = PretextRun(AUGMENTATION, AUGMENTATION, 32, 32, images=64, batch_size=4, steps=8, seed=5, collapse_monitor=None)
VIEWS = RUN.multi_crop_views(2)


SETTINGS = {
    "prototypes": 16,
    "local_crops": 2,
    "teacher": "centering",
    "warmup_teacher_temperature": 0.04,
    "teacher_temperature": 0.04,
    "momentum": 0.9,
    "koleo_weight": 0.0,
    "freeze_prototypes_epochs": 0,
}


def create(**changed):
    return DINO(create_encoder("resnet18", seed=0), DINOSettings(**SETTINGS | changed), RUN)


def test_global_views_come_first_and_every_view_is_another(batch_of):
    batch = batch_of([3, 1])
    large, small = VIEWS.of(batch, epoch=2)
    for view, images in enumerate([*large, *small]):
        expected = random_views(batch.images, batch.keys, AUGMENTATIONS["simclr"], 32, seed=5, epoch=2, view=view)
        assert torch.equal(images, expected)


@pytest.mark.parametrize("kind", ["centering", "sinkhorn"])
def test_the_loss_is_that_of_student_against_teacher_on_the_views(kind, batch_of):
    method, again, batch = create(teacher=kind), create(), batch_of([0, 1, 2])
    loss = method.training_loss(batch, epoch=1)
    large, small = VIEWS.of(batch, 1)
    logits = again.teacher_head(again.teacher_encoder(torch.cat(large)))
    if kind == "centering":
        teacher = teacher_probabilities(logits, torch.zeros(16), 0.04).chunk(2)
    else:  # each view's images use all prototypes alike
        teacher = [sinkhorn_assignments(view, 0.04) for view in logits.chunk(2)]
    student = [logits for views in (large, small) for logits in again.head(again.encoder(torch.cat(views))).chunk(2)]
    assert loss.item() == pytest.approx(view_distillation(student, list(teacher), 0.1).item(), rel=1e-6)


def test_koleo_is_added_for_both_global_views(batch_of):
    method, plain, batch = create(koleo_weight=0.5), create(), batch_of([0, 1, 2])
    loss, without = (each.training_loss(batch, epoch=1).item() for each in (method, plain))
    first, second = plain.encoder(torch.cat(VIEWS.of(batch, 1)[0])).chunk(2)
    assert loss - without == pytest.approx(0.5 * (koleo(first) + koleo(second)).item() / 2, rel=1e-4)
    assert method.needs_whole_batch
    assert not plain.needs_whole_batch


def test_a_step_moves_teacher_and_center_and_only_the_student_has_gradients(batch_of):
    method = create()
    method.training_loss(batch_of([0, 1, 2]), epoch=0).backward()
    teacher = [*method.teacher_encoder.parameters(), *method.teacher_head.parameters()]
    assert all(parameter.grad is None for parameter in teacher)
    assert all(parameter.grad is not None for parameter in [*method.encoder.parameters(), *method.head.parameters()])
    with torch.no_grad():
        method.head.prototypes.add_(1.0)
    before = method.teacher_head.prototypes.clone()
    assert method.center.abs().sum() == 0
    method.after_step()
    assert torch.allclose(method.teacher_head.prototypes, before + 0.1, atol=1e-6)
    assert method.center.abs().sum() > 0
    assert method.steps == 1


def test_a_teacher_that_is_balanced_over_the_batch_has_no_center_and_needs_the_whole_of_it(batch_of):
    method = create(teacher="sinkhorn")
    method.training_loss(batch_of([0, 1, 2]), epoch=0).backward()
    method.after_step()
    assert method.center.abs().sum() == 0
    assert "center_norm" not in method.epoch_metrics()
    assert "balanced over the whole batch" in method.needs_whole_batch
    assert create().needs_whole_batch == ""


def test_prototypes_are_held_still_for_the_first_epochs(batch_of):
    method = create(freeze_prototypes_epochs=1)
    method.training_loss(batch_of([0, 1]), epoch=0).backward()
    assert method.head.prototypes.grad is None
    method.training_loss(batch_of([0, 1]), epoch=1).backward()
    assert method.head.prototypes.grad is not None


def test_the_teachers_answers_are_watched(batch_of):
    method = create()
    method.training_loss(batch_of([0, 1]), epoch=0)
    method.center.copy_(torch.tensor([3.0, 4.0] + [0.0] * 14))
    seen = method.epoch_metrics()
    assert set(seen) == {"teacher_entropy", "prototype_use", "divergence", "center_norm"}
    assert seen["center_norm"] == 5.0

import pytest
import torch

from hilum.augment import AUGMENTATIONS
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.pretext.losses import patch_distillation, sinkhorn_assignments, teacher_probabilities, view_distillation
from hilum.pretext.losses.koleo import koleo
from hilum.pretext.masking import check_sees_patches, masked_patches
from hilum.pretext.methods import DINOv2, DINOv2Settings, PretextRun, pad_rows

RUN = PretextRun(
    AUGMENTATIONS["simclr"], AUGMENTATIONS["local"], 64, 32, images=64, batch_size=4, steps=8, seed=5,
    collapse_monitor=None,
)  # fmt: skip
VIEWS = RUN.multi_crop_views(1)
SETTINGS = {
    "prototypes": 16,
    "local_crops": 1,
    "momentum": 0.9,
    "head_batch_norm": False,
    "freeze_prototypes_epochs": 0,
}
TEMPERATURES = {"warmup_teacher_temperature": 0.04, "teacher_temperature": 0.04}


@pytest.fixture
def encoder():
    return create_encoder("vit_tiny_patch16_224", seed=0)


def create(encoder, **changed):
    settings = DINOv2Settings(mask_sample_probability=1.0, **SETTINGS, **TEMPERATURES, **changed)
    return DINOv2(encoder, settings, RUN)


@pytest.mark.parametrize("teacher", ["sinkhorn", "centering"])
def test_the_loss_is_the_sum_of_its_three_parts(encoder, batch_of, teacher):
    method, batch = create(encoder, teacher=teacher), batch_of([0, 1, 2], size=64)
    loss = method.training_loss(batch, epoch=1)
    large, small = VIEWS.of(batch, 1)
    mask = torch.from_numpy(method._mask(batch, 1))
    with masked_patches(encoder, mask, method.mask_token):
        tokens = encoder.tokens(torch.cat(large))
    seen = encoder.tokens(torch.cat(large))  # the teacher has the same weights at the start
    classes = tokens[:, 0].chunk(2)
    student = [method.head(each) for each in (*classes, encoder.tokens(small[0])[:, 0])]
    at_mask = [each[:, 1:].reshape(6, 4, 4, -1)[mask] for each in (tokens, seen)]
    make = (
        (lambda logits: sinkhorn_assignments(logits.detach(), 0.04))
        if teacher == "sinkhorn"
        else (lambda logits: teacher_probabilities(logits.detach(), torch.zeros(16), 0.04))
    )
    views = view_distillation(student, [make(method.head(each)) for each in seen[:, 0].chunk(2)], 0.1)
    patches = patch_distillation(
        method.patch_head(at_mask[0]), make(method.patch_head(at_mask[1])), mask.nonzero()[:, 0], 0.1
    )
    spread = (koleo(classes[0]) + koleo(classes[1])) / 2
    assert loss.item() == pytest.approx((views + patches + 0.1 * spread).item(), rel=1e-4)


def test_the_student_does_not_see_hidden_patches_and_the_teacher_does(encoder):
    images = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[..., :16, 16:32] = 0.0
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 0, 1] = True
    with torch.no_grad():
        with masked_patches(encoder, mask, torch.zeros(encoder.token_width)):
            assert torch.equal(encoder.tokens(images), encoder.tokens(changed))
        assert not torch.equal(encoder.tokens(images), encoder.tokens(changed))


def test_a_step_trains_every_part_and_moves_the_teacher(encoder, batch_of):
    method = create(encoder, teacher="centering")
    method.training_loss(batch_of([0, 1, 2], size=64), epoch=0).backward()
    trained = [method.encoder, method.head, method.patch_head]
    assert [n for part in trained for n, p in part.named_parameters() if p.grad is None] == []
    assert method.mask_token.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in method.teacher.parameters())
    with torch.no_grad():
        method.head.prototypes.add_(1.0)
    before = method.teacher[1].prototypes.clone()
    method.after_step()
    assert torch.allclose(method.teacher[1].prototypes, before + 0.1, atol=1e-6)
    assert method.center.abs().sum() > 0
    assert method.patch_center.abs().sum() > 0
    assert method.exported is method.teacher[0]


def test_no_image_masked_is_dino_with_koleo(encoder, batch_of):
    method = create(encoder).train()
    method.settings = DINOv2Settings(freeze_prototypes_epochs=0, mask_sample_probability=0.0)
    assert method.training_loss(batch_of([0, 1, 2], size=64), epoch=0).isfinite()


def test_an_encoder_without_patches_is_refused_with_what_to_use():
    with pytest.raises(HilumError, match=r"a vision transformer with a class token.*found resnet18\. Use vit_tiny"):
        check_sees_patches(create_encoder("resnet18", seed=0), "dinov2")


@pytest.mark.parametrize(("rows", "filled"), [(0, 0), (1, 256), (256, 256), (300, 512)])
def test_rows_are_filled_up_with_zeros(rows, filled):
    given = torch.rand(rows, 3)
    found = pad_rows(given)
    assert found.shape == (filled, 3)
    assert torch.equal(found[:rows], given)
    assert not found[rows:].any()

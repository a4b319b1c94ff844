"""Pretraining as lightly's examples have it, for `pretext_throughput.py`: models, losses, views, order of a step.

Written against lightly's interface after its `examples/pytorch` (MIT). What is set alike on both sides: encoder, batch,
number and sizes of the views, prototypes and heads, temperatures, centers, AdamW. So DINOv2 has neither stochastic
depth nor scaled layers here, and SimCLR's head no batch norm. Images are gray PNG files that become RGB, as lightly's
transforms and encoders take them.
"""

import copy
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F  # noqa: N812
from lightly.loss import DINOLoss, IBOTPatchLoss, KoLeoLoss, NTXentLoss, SwaVLoss
from lightly.models.modules import (
    DINOProjectionHead,
    DINOv2ProjectionHead,
    MaskedVisionTransformerTIMM,
    MoCoProjectionHead,
    SimCLRProjectionHead,
    SwaVProjectionHead,
    SwaVPrototypes,
)
from lightly.models.utils import deactivate_requires_grad, random_block_mask, update_momentum
from lightly.transforms import DINOTransform, MoCoV2Transform, SimCLRTransform, SwaVTransform
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

Views = list[Tensor]
TEMPERATURE, QUEUE, PROTOTYPES = 0.2, 4096, 2048
HIDDEN, BOTTLENECK = 2048, 256  # of the heads of DINO
MOMENTUM, TEACHER_TEMPERATURE = 0.99, 0.04


@dataclass(frozen=True)
class Example:
    """One of lightly's examples.

    Attributes:
        trained: what the optimiser gets, and what is moved to channels-last.
        loss: of a batch of views.
        transform: from an image to its views.
        before, after: what happens besides, at the start of a step and behind it.
    """

    trained: nn.Module
    loss: Callable[[Views], Tensor]
    transform: Callable[[Image.Image], Any]
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None


def simclr(size: int, _: int) -> Example:
    model = nn.Sequential(_resnet18(), SimCLRProjectionHead(512, 512, 128, batch_norm=False))
    criterion = NTXentLoss(temperature=TEMPERATURE)
    return Example(model, lambda views: criterion(model(views[0]), model(views[1])), SimCLRTransform(input_size=size))


def mocov2(size: int, _: int) -> Example:
    model = nn.Sequential(_resnet18(), MoCoProjectionHead(512, 512, 128))
    slow = copy.deepcopy(model)
    deactivate_requires_grad(slow)
    criterion = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=(QUEUE, 128))
    return Example(
        nn.ModuleList([model, slow]),
        lambda views: criterion(model(views[0]), slow(views[1]).detach()),
        MoCoV2Transform(input_size=size),
        before=lambda: update_momentum(model, slow, m=MOMENTUM),
    )


def swav(size: int, local_size: int) -> Example:
    model, prototypes = nn.Sequential(_resnet18(), SwaVProjectionHead(512, 512, 128)), SwaVPrototypes(128, PROTOTYPES)
    criterion = SwaVLoss()

    def loss(views: Views) -> Tensor:
        scores = [prototypes(F.normalize(model(view), dim=1, p=2)) for view in views]
        total: Tensor = criterion(scores[:2], scores[2:])
        return total

    transform = SwaVTransform(crop_sizes=(size, local_size))
    return Example(nn.ModuleList([model, prototypes]), loss, transform, before=prototypes.normalize)


def dino(size: int, local_size: int) -> Example:
    make_head = partial(DINOProjectionHead, 512, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True, freeze_last_layer=1)
    backbone = _resnet18()
    student, teacher = nn.Sequential(backbone, make_head()), nn.Sequential(copy.deepcopy(backbone), make_head())
    deactivate_requires_grad(teacher)
    criterion = DINOLoss(
        output_dim=PROTOTYPES, warmup_teacher_temp=TEACHER_TEMPERATURE, teacher_temp=TEACHER_TEMPERATURE
    )

    def loss(views: Views) -> Tensor:
        answers = [teacher(view) for view in views[:2]]
        total: Tensor = criterion(answers, [student(view) for view in views], epoch=0)
        return total

    return Example(
        nn.ModuleList([student, teacher]),
        loss,
        DINOTransform(global_crop_size=size, local_crop_size=local_size),
        after=lambda: update_momentum(student, teacher, m=MOMENTUM),
    )


def dinov2(size: int, local_size: int) -> Example:
    student, teacher = (_masked_transformer(size) for _ in range(2))
    make_head = partial(DINOv2ProjectionHead, 192, HIDDEN, BOTTLENECK, PROTOTYPES)
    student_head, teacher_head = make_head(), make_head()
    for module in (teacher, teacher_head):
        deactivate_requires_grad(module)
        module.eval()
    dino_loss, patch_loss, koleo_loss = (
        DINOLoss(output_dim=PROTOTYPES),
        IBOTPatchLoss(output_dim=PROTOTYPES),
        KoLeoLoss(),
    )

    def loss(views: Views) -> Tensor:
        large, small = torch.cat(views[:2]), torch.cat(views[2:])
        side = size // 16
        least = min(4, side * side // 20)  # its 4 are more than the least share of a small image
        blocks = random_block_mask(size=(len(large), side, side), min_num_masks_per_block=least)
        mask = torch.cat([blocks.new_zeros(len(large), 1), blocks.flatten(1)], dim=1)
        with torch.no_grad():
            seen = teacher.encode(large)
            answers, patch_answers = teacher_head(seen[:, 0]), teacher_head(seen[mask])
        tokens = student.encode(large, mask=mask)
        classes = student_head(tokens[:, 0])
        of_small = student_head(student.encode(small, mask=None)[:, 0])
        total: Tensor = dino_loss(
            teacher_out=answers.chunk(2),
            student_out=torch.cat([classes, of_small]).chunk(len(views)),
            teacher_temp=TEACHER_TEMPERATURE,
        )
        total = total + patch_loss(
            teacher_out=patch_answers,
            student_out=student_head(tokens[mask]),
            mask=blocks,
            teacher_temp=TEACHER_TEMPERATURE,
        )
        return total + 0.1 * sum(koleo_loss(each) for each in tokens[:, 0].chunk(2)) / 2

    def follow() -> None:
        update_momentum(student, teacher, m=MOMENTUM)
        update_momentum(student_head, teacher_head, m=MOMENTUM)

    transform = DINOTransform(
        global_crop_size=size,
        local_crop_size=local_size,
        global_crop_scale=(0.32, 1),
        local_crop_scale=(0.05, 0.32),
        n_local_views=8,
    )
    return Example(nn.ModuleList([student, student_head, teacher, teacher_head]), loss, transform, after=follow)


EXAMPLES: dict[str, Callable[[int, int], Example]] = {
    "simclr": simclr,
    "mocov2": mocov2,
    "swav": swav,
    "dino": dino,
    "dinov2": dinov2,
}


class ImageViews(Dataset[Views]):
    """PNG files, opened, made RGB and transformed whenever they are asked for."""

    def __init__(self, paths: list[Path], transform: Callable[[Image.Image], Views]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Views:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


def steps(
    example: Example, optimizer: torch.optim.Optimizer, paths: list[Path], batch: int, *, workers: int, fast: bool
) -> Generator[Tensor]:
    """Take steps until closed and give the loss of each; `fast` is bfloat16 autocast and channels-last."""
    loader: Any = DataLoader(
        ImageViews(paths, example.transform),
        batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,  # as from a command line; an arm's own start is by spawn
        persistent_workers=workers > 0,
    )
    layout = torch.channels_last if fast else torch.contiguous_format
    while True:
        for views in loader:
            example.before()
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                loss = example.loss([view.contiguous(memory_format=layout) for view in views])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            example.after()
            yield loss.detach()


def _resnet18() -> nn.Module:
    return timm.create_model("resnet18", num_classes=0)


def _masked_transformer(size: int) -> MaskedVisionTransformerTIMM:
    vit = timm.create_model(
        "vit_tiny_patch16_224", img_size=size, dynamic_img_size=True, pos_embed="learn", num_classes=0
    )
    return MaskedVisionTransformerTIMM(vit=vit, antialias=False, pos_embed_initialization="skip")

"""Memory of trials in lockstep, computed from shapes before training."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.augment import Augmentation, augmentation_of
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import Encoder, as_tokens, create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.output_types import make_output_type
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.shared_pass import encoder_of_member
from hilum.finetuning.trials.stacked_heads import INFERENCE_BATCH_SIZE, layers_of

FLOAT = 4
STATES = {"adamw": 2, "adam": 2, "sgd": 1, "lars": 1}
"""Optimiser state values for each weight."""
USABLE_MEMORY_FRACTION = 0.5


@dataclass(frozen=True)
class LockstepBytes:
    """Memory of trials in lockstep.

    Attributes:
        shared: Encoder, features that are computed once, and activations of one batch in the frozen part.
        members: Permanent memory of each trial: weights, best weights and optimiser state; for a stacked head also
            gradients and activations of a step.
        turn: Gradients and activations of one member, for members computed one after another: the largest.
    """

    shared: int
    members: tuple[int, ...]
    turn: int

    @property
    def total(self) -> int:
        """Total bytes."""
        return self.shared + sum(self.members) + self.turn


def lockstep_bytes(
    trials: Sequence[FinetuneSettings],
    encoder_name: str,
    *,
    findings: int,
    size: int,
    images: tuple[int, int],
    known: dict[tuple[str, int], "MemberShapes"] | None = None,
) -> LockstepBytes:
    """Compute the memory of trials that train in one round; no weights are allocated.

    Args:
        trials: Settings of the trials, equal in those of `hilum.finetuning.trials.lockstep.SHARED`.
        encoder_name: Encoder of all trials.
        findings: Number of findings.
        size: Side of the network input in px.
        images: Numbers of training and validation images.
        known: Cache of shapes by encoder and batch size, with the same findings and size; extended.
    """
    looked_at: dict[tuple[str, int], MemberShapes] = {} if known is None else known
    key = encoder_name, trials[0].batch_size
    shapes = looked_at[key] if key in looked_at else MemberShapes(encoder_name, findings, size, trials[0].batch_size)
    looked_at[key] = shapes
    members, turn, features = [], 0, {}
    for settings in trials:
        member = shapes.of(settings)
        if member.fixed_width is not None:
            once = augmentation_of(settings.augmentation) == Augmentation()
            features[settings.pooling] = (images[1] + images[0] * once) * member.fixed_width * FLOAT
        members.append(member.own)
        turn = max(turn, member.turn)
    return LockstepBytes(shapes.shared + sum(features.values()), tuple(members), turn)


@dataclass(frozen=True)
class _MemberShape:
    """Bytes of one trial, permanent and of its turn; and the width of features that are computed once."""

    own: int
    turn: int
    fixed_width: int | None


class MemberShapes:
    """Memory of trials of one encoder; each shape is computed once."""

    def __init__(self, encoder_name: str, findings: int, size: int, batch_size: int) -> None:
        with weightless():
            self._start = create_encoder(encoder_name, seed=0)
        self._start.requires_grad_(False).eval()
        self._views = torch.zeros(batch_size, 1, size, size, device="meta")
        self._findings, self._size, self._batch_size = findings, size, batch_size
        whole = _Watched(self._start)
        with torch.no_grad(), whole:
            self._start(self._views)
        encoder = sum(each.numel() * FLOAT for each in (*self._start.parameters(), *self._start.buffers()))
        self.shared = encoder + whole.most + _nbytes(self._views)
        self._known: dict[tuple[Any, ...], _MemberShape] = {}

    def of(self, settings: FinetuneSettings) -> _MemberShape:
        """Return the memory of a trial with these settings."""
        shape = (settings.unfreeze, settings.head, settings.pooling, settings.optimizer, settings.output_type)
        if shape not in self._known:
            self._known[shape] = self._measured(settings)
        return self._known[shape]

    def _measured(self, settings: FinetuneSettings) -> _MemberShape:
        classifier = _classifier(self._start, settings, self._findings, self._size)
        if not classifier.features_are_fixed:
            return _MemberShape(*_member_bytes(classifier, settings, self._views), None)
        own = _stacked_bytes(classifier, settings, self._batch_size)
        return _MemberShape(own, 0, _feature_width(classifier))


def chunks_that_fit(
    trials: Sequence[tuple[int, FinetuneSettings]],
    encoder_name: str,
    *,
    findings: int,
    size: int,
    images: tuple[int, int],
    memory: int,
) -> list[list[int]]:
    """Split trials into the fewest rounds of nearly equal size that fit into memory, in their order.

    Args:
        trials: Number and settings of each trial.
        encoder_name, findings, size, images: As in `lockstep_bytes`.
        memory: Available bytes.

    Raises:
        HilumError: A single trial needs more.
    """
    numbers, known = [number for number, _ in trials], dict[tuple[str, int], MemberShapes]()
    for rounds in range(1, len(trials) + 1):
        bounds = [round(place * len(trials) / rounds) for place in range(rounds + 1)]
        cut = [trials[first:last] for first, last in pairwise(bounds)]
        need = max(
            lockstep_bytes(
                [settings for _, settings in some],
                encoder_name,
                findings=findings,
                size=size,
                images=images,
                known=known,
            ).total
            for some in cut
        )
        if need <= memory:
            return [numbers[first:last] for first, last in pairwise(bounds)]
    raise HilumError(
        "memory",
        expected=f"{need / 1e9:,.1f} GB for one trial",
        found=f"{memory / 1e9:,.1f} GB",
        fix=f"Give {encoder_name} a smaller `batch_size` or `size` or fewer unfrozen blocks, drop its arms, or "
        "provide more memory: trials use half of the free memory.",
    )


def available_memory(device: torch.device) -> int:
    """Return the bytes that trials may use: half of the free memory."""
    if device.type == "cuda":
        return int(USABLE_MEMORY_FRACTION * torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")  # counts the file cache as free, unlike SC_AVPHYS_PAGES
    if meminfo.exists() and (found := re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)):
        return int(USABLE_MEMORY_FRACTION * 1024 * int(found[1]))
    pages = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else os.sysconf("SC_PHYS_PAGES")
    return int(USABLE_MEMORY_FRACTION * pages * os.sysconf("SC_PAGE_SIZE"))


class _Watched:
    """Context that records the largest input plus output of a single layer."""

    def __init__(self, module: nn.Module) -> None:
        self.leaves = [each for each in module.modules() if not any(True for _ in each.children())]
        self.most = 0

    def __enter__(self) -> None:
        self.hooks = [leaf.register_forward_hook(self._look) for leaf in self.leaves]

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def _look(self, _: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self.most = max(self.most, sum(_nbytes(each) for each in (*inputs, output) if isinstance(each, Tensor)))


def _classifier(start: Encoder, settings: FinetuneSettings, findings: int, size: int) -> Classifier:
    with weightless():
        encoder = start
        if settings.unfreeze == 0:
            start.frozen_blocks = len(start.blocks)
        else:
            encoder = encoder_of_member(start, settings.unfreeze)
        return Classifier(
            encoder,
            findings,
            size=size,
            dropout=settings.dropout,
            output_type=settings.output_type,
            head=settings.head,
            pooling=settings.pooling,
        )


def _pooled(classifier: Classifier, last: Tensor) -> Tensor:
    """Compute `Classifier.pooled` without autocast, which meta tensors do not support."""
    if classifier.pooling is None:
        return classifier.encoder.pooled(last)
    return classifier.encoder.norm_pooled(classifier.pooling(as_tokens(last).float())).flatten(1)


def _feature_width(classifier: Classifier) -> int:
    parts = classifier.pooling.parts if classifier.pooling else 0
    return parts * classifier.encoder.token_width or classifier.encoder.feature_width


def _retained_bytes(parameters: int, settings: FinetuneSettings) -> int:
    return parameters * FLOAT * (2 + STATES[settings.optimizer])


def _trained(classifier: Classifier) -> int:
    return sum(each.numel() for each in classifier.parameters() if each.requires_grad)


def _stacked_bytes(classifier: Classifier, settings: FinetuneSettings, batch_size: int) -> int:
    """Compute the memory of a stacked head, with outputs of each layer (around dropout and ReLU) and gradients."""
    outputs = sum(layer.out_features for layer in layers_of(classifier) if isinstance(layer, nn.Linear))
    outputs_each = make_output_type(settings.output_type).outputs_a_finding * len(classifier.positive_weights)
    step = 4 * max(batch_size, INFERENCE_BATCH_SIZE) * (outputs + outputs_each) * FLOAT
    parameters = _trained(classifier)
    return _retained_bytes(parameters, settings) + parameters * FLOAT + step


def _member_bytes(classifier: Classifier, settings: FinetuneSettings, views: Tensor) -> tuple[int, int]:
    """Compute the permanent memory of a member, and that of its turn."""
    encoder = classifier.encoder
    size = views.shape[2], views.shape[3]
    classifier.train()
    hidden = views
    if encoder.frozen_blocks:
        with torch.no_grad():
            hidden = encoder.run_blocks(views, size, 0, encoder.frozen_blocks)
    weights = {each.untyped_storage()._cdata for each in classifier.parameters()}
    saved: dict[int, torch.UntypedStorage] = {}

    def look(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(look, lambda tensor: tensor):
        last = encoder.run_blocks(hidden, size, encoder.frozen_blocks)
        outputs = classifier.head(classifier.dropout(_pooled(classifier, last)))
    activations = sum(storage.nbytes() for key, storage in saved.items() if key not in weights)
    parameters = _trained(classifier)
    buffers = sum(each.numel() for each in classifier.buffers())
    turn = parameters * FLOAT + activations + _nbytes(outputs)
    return _retained_bytes(parameters, settings) + 2 * buffers * FLOAT, turn


def _nbytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()

"""How a pretraining run goes."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hilum.errors import HilumErrors
from hilum.training.settings import Device, Precision
from hilum.views import POLICIES, ViewPolicy

Method = Literal["simclr", "mocov2"]
METHODS: tuple[Method, ...] = get_args(Method)

LONGEST_QUEUE = 65_536
"""He et al. 2020 (MoCo), §4."""


@dataclass(frozen=True)
class PretextSettings:
    """Settings of `hilum.pretext.pretrain.pretrain`.

    The defaults are what was measured to beat random initialisations in minutes on about a thousand films at 64 px
    (ResNet-18; SimCLR in 50 epochs: +0.11 AUROC of a linear probe over timm's initialisation).

    Args:
        epochs: passes over the films.
        batch_size: films a step; each gives two views.
        lr: peak learning rate of AdamW.
        weight_decay: on matrices and kernels only.
        warmup_epochs: epochs in which the learning rate rises, at most a quarter of the run; it then falls as a cosine.
        temperature: of the contrastive loss.
        momentum: mocov2: of the key encoder. He et al. (Table 3.3) find 0.99 and 0.999 near each other on ImageNet;
            a run of a few hundred steps would be over before a copy at 0.999 had moved.
        queue: mocov2: keys kept; None for half of the films, at least a batch and at most 65,536. Longer queues hold
            keys of an encoder that has changed since.
        policy: a name of `hilum.views.POLICIES`; None for the method's own.
        size: pixels a side of the views; None for the store's.
        precision: as in `TrainingSettings`.
        device: as in `TrainingSettings`.
        workers: threads that prepare batches ahead; changes no result.

    Raises:
        HilumErrors: values out of range.
    """

    epochs: int = 50
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 1e-4
    warmup_epochs: float = 3.0
    temperature: float = 0.2
    momentum: float = 0.99
    queue: int | None = None
    policy: str | None = None
    size: int | None = None
    precision: Precision = "auto"
    device: Device = "auto"
    workers: int = 1

    def __post_init__(self) -> None:
        checks = [
            ("epochs", "at least 1", self.epochs >= 1),
            ("batch_size", "at least 2, or there is nothing to contrast", self.batch_size >= 2),
            ("lr", "a positive number", self.lr > 0),
            ("weight_decay", "zero or more", self.weight_decay >= 0),
            ("warmup_epochs", "zero or more", self.warmup_epochs >= 0),
            ("temperature", "a positive number", self.temperature > 0),
            ("momentum", "0 up to, not including, 1", 0 <= self.momentum < 1),
            ("queue", "at least 1, or none", self.queue is None or self.queue >= 1),
            ("policy", f"one of {', '.join(POLICIES)}", self.policy is None or self.policy in POLICIES),
            ("size", "at least 32, or none", self.size is None or self.size >= 32),
            ("precision", f"one of {', '.join(get_args(Precision))}", self.precision in get_args(Precision)),
            ("device", f"one of {', '.join(get_args(Device))}", self.device in get_args(Device)),
            ("workers", "zero or more", self.workers >= 0),
        ]
        problems = [
            f"{name}: expected {rule}; found {getattr(self, name)}" for name, rule, right in checks if not right
        ]
        if problems:
            raise HilumErrors("pretraining settings", problems, fix="change the values named below.")

    def decisive(self) -> dict[str, Any]:
        """Everything that decides the result, for provenance and for telling runs apart."""
        return {name: value for name, value in asdict(self).items() if name not in ("workers", "device")}

    def view_policy(self, method: Method) -> ViewPolicy:
        """The policy of the views."""
        return POLICIES[self.policy or method]

    def queue_length(self, films: int) -> int:
        """Length of MoCo's queue for so many films."""
        return self.queue or min(max(films // 2, self.batch_size), LONGEST_QUEUE)

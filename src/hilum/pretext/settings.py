"""How a pretraining run goes, whatever the method; what only one method has stands in its own file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from hilum.errors import HilumErrors
from hilum.training.settings import Device, Precision
from hilum.views import POLICIES


@dataclass(frozen=True)
class PretextSettings:
    """Settings of `hilum.pretext.pretrain.pretrain`.

    The defaults are what was measured to beat random initialisations in minutes on about a thousand films at 64 px
    (ResNet-18; SimCLR in 50 epochs: +0.11 AUROC of a linear probe over timm's initialisation).

    Args:
        epochs: passes over the films.
        batch_size: films a step; each gives two views or more.
        lr: peak learning rate of AdamW.
        weight_decay: on matrices and kernels only.
        warmup_epochs: epochs in which the learning rate rises, at most a quarter of the run; it then falls as a cosine.
        options: the method's own settings, by name; see the `…Settings` in its file. Defaults for what is left out.
        policy: a name of `hilum.views.POLICIES`; None for the method's own.
        local_policy: the same for local views, where the method has them.
        size: pixels a side of the views; None for the store's.
        local_size: of local views; None for half of that, at least 32.
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
    options: Mapping[str, Any] = field(default_factory=dict)
    policy: str | None = None
    local_policy: str | None = None
    size: int | None = None
    local_size: int | None = None
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
            ("policy", f"one of {', '.join(POLICIES)}", self.policy is None or self.policy in POLICIES),
            (
                "local_policy",
                f"one of {', '.join(POLICIES)}",
                self.local_policy is None or self.local_policy in POLICIES,
            ),
            ("size", "at least 32, or none", self.size is None or self.size >= 32),
            ("local_size", "at least 16, or none", self.local_size is None or self.local_size >= 16),
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

"""Curves of training where TensorBoard reads them: `tensorboard --logdir DIR/logs`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.study.logs.curve_log import LOGS, CurveLog, needed


class TensorBoardLog(CurveLog):
    """One run for each training, in a folder of its name.

    Args:
        out: directory of the study.

    Raises:
        HilumError: TensorBoard is not installed.
    """

    def __init__(self, out: Path) -> None:
        needed("tensorboard", "tensorboard", "tensorboard")
        super().__init__(out)
        self.writers: dict[str, Any] = {}

    def write(self, name: str, epoch: int, values: Mapping[str, float]) -> None:
        """As in `CurveLog`."""
        if name not in self.writers:
            from torch.utils.tensorboard import SummaryWriter

            self.writers[name] = SummaryWriter(str(self.out / LOGS / name))
        for key, value in values.items():
            self.writers[name].add_scalar(key, value, epoch)

    def close(self, page: Path | None) -> None:  # noqa: ARG002 (it shows curves only)
        """Finish the files."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}

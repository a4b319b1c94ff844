"""Log of training curves for TensorBoard: `tensorboard --logdir DIR/logs`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.study.logs.curve_log import LOGS, CurveLog, require_package


class TensorBoardLog(CurveLog):
    """Log with one TensorBoard run per training, in a folder with its name.

    Args:
        out: Directory of the study.

    Raises:
        HilumError: TensorBoard is not installed.
    """

    def __init__(self, out: Path) -> None:
        require_package("tensorboard", "tensorboard", "tensorboard")
        super().__init__(out)
        self.writers: dict[str, Any] = {}

    def write(self, name: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of one epoch."""
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

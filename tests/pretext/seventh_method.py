"""The method that docs/how-to/seventh_method.md adds, and one step of it in one process or several: `seventh_method.py OUT`.

Not a test: `test_seventh_method.py` loads the page's code with it, and compares what one and two processes leave.
"""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from hilum.augment import augmentation_of
from hilum.data.batches import Batch
from hilum.draws import image_keys
from hilum.encoders.zoo import create_encoder
from hilum.pretext.modules import TwoCrop
from hilum.training.distributed import SyncBatchNormMode, all_reduce_mean, process_group, rank, world_size

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "seventh_method.md"
IMAGES, SIZE = 8, 32


def page_module() -> ModuleType:
    """The first block of Python on the page, as a module."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found
    module = ModuleType("vicreg")
    exec(compile(found.group(1), str(PAGE), "exec"), module.__dict__)
    return module


def step() -> dict[str, Any]:
    """Loss and gradients of a batch, each process with its part of it."""
    page = page_module()
    part = np.array_split(np.arange(IMAGES), world_size())[rank()]
    images = [np.random.default_rng(row).integers(0, 256, (1, SIZE, SIZE), dtype=np.uint8) for row in part]
    batch = Batch(torch.from_numpy(np.stack(images)), image_keys(f"film {row}" for row in part), part, None)
    method = page.VICReg(
        create_encoder("resnet18", seed=0), views=TwoCrop(augmentation_of("simclr"), SIZE, 0),
        settings=page.VICRegSettings(width=32), seed=0, collapse_monitor=None,
    )  # fmt: skip
    with SyncBatchNormMode():
        loss = method.training_loss(batch, 0)
        loss.backward()
    gradients = {name: all_reduce_mean(each.grad) for name, each in method.named_parameters() if each.grad is not None}
    return {"loss": all_reduce_mean(loss.detach()), "gradients": gradients}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with process_group("cpu"):
        torch.save(step(), Path(sys.argv[1]) / f"step-by-{rank()}.pt")

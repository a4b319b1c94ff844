"""A setting that is known to bring a method's collapse brings it, and the run stops and says what to change.

MoCo v2's is in `test_pretrain`: without momentum and batch norm in the head, it takes longer. Images of waves do; a
collapse needs no radiographs.
"""

import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings

IMAGES = 32
EVEN = {"warmup_teacher_temperature": 5.0, "teacher_temperature": 5.0, "prototypes": 64}
"""Far above the student's 0.1, so that the teacher says the same to every prototype, whatever the image."""


def waves(size):
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    pixels = np.empty((IMAGES, size, size), dtype=np.uint8)
    for row in range(IMAGES):
        draw = np.random.default_rng(row)
        summed = sum(np.sin(draw.uniform(1, 6) * (a * x + b * y) + c) for a, b, c in draw.uniform(-2, 2, (3, 3)))
        pixels[row] = np.clip(128 + 35 * summed, 0, 255)
    return pixels


@pytest.mark.parametrize(
    ("method", "encoder", "size", "lr", "options", "seen", "blamed"),
    [
        ("simclr", "resnet18", 32, 1.0, {}, "a collapse (feature_spread", "`lr` (now 1)"),
        (
            "swav",
            "resnet18",
            32,
            1e-3,
            {"epsilon": 100.0, "prototypes": 32},
            "uniform outputs over all prototypes",
            "lower `epsilon` (now 100)",
        ),
        (
            "dino",
            "resnet18",
            32,
            1e-3,
            EVEN,
            "uniform outputs over all prototypes",
            "lower `teacher_temperature` (now 5)",
        ),
        pytest.param(
            "dino",
            "resnet18",
            32,
            1e-3,
            {**EVEN, "teacher": "centering"},
            "uniform outputs over all prototypes",
            "lower `teacher_temperature` (now 5)",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "dinov2",
            "vit_tiny_patch16_224",
            32,
            1e-3,
            {**EVEN, "teacher": "centering"},
            "uniform outputs over all prototypes",
            "lower `teacher_temperature` (now 5)",
            marks=pytest.mark.slow,
        ),
        ("fcmae", "convnextv2_atto", 64, 1.0, {}, "a collapse (feature_spread", "`lr` (now 1)"),
    ],
)
def test_a_bad_setting_collapses_and_is_named(method, encoder, size, lr, options, seen, blamed, store_of, tmp_path):
    store = store_of(waves(size))
    settings = PretextSettings(epochs=4, batch_size=16, lr=lr, options=options, precision="fp32", device="cpu")
    with pytest.raises(HilumError) as caught:
        pretrain(
            method,
            store,
            store.image_ids,
            store.image_ids,
            encoder=encoder,
            settings=settings,
            seed=0,
            directory=tmp_path / "run",
            split_title="all",
        )
    assert seen in str(caught.value)
    assert blamed in str(caught.value)
    assert not (tmp_path / "run").exists()

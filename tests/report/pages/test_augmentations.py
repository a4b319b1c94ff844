import cv2
import numpy as np
import pytest
import torch

from hilum.augment import AUGMENTATIONS, Augmentation, random_views
from hilum.draws import image_keys
from hilum.errors import HilumError
from hilum.report.pages import Panel, SheetRow, views_of, write_view_sheet

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 24, 24), dtype=np.uint8)
IDS = ["a", "b", "c"]


def test_the_views_are_those_that_a_run_with_this_seed_draws_first():
    drawn = views_of(PIXELS, IDS, {"simclr": AUGMENTATIONS["simclr"], "as it is": Augmentation()}, count=2, seed=4)
    for view in range(2):
        expected = random_views(
            torch.from_numpy(PIXELS)[:, None], image_keys(IDS), AUGMENTATIONS["simclr"], 24, seed=4, epoch=0, view=view
        )
        assert np.abs(drawn["simclr"][:, view] / 255 - expected[:, 0].numpy()).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(drawn["as it is"], np.stack([PIXELS, PIXELS], axis=1))


def image(name, pixels):
    return SheetRow(name, "", made=Panel(pixels, 24, 24, 8, 0, 255, 2, np.ones(64) / 64, ()))


def test_the_sheet_has_a_row_for_each_image_that_can_be_read(tmp_path):
    images = [image("a", PIXELS[0]), SheetRow("broken", "", reason="empty file"), image("b", PIXELS[1])]
    write_view_sheet(images, {"simclr": AUGMENTATIONS["simclr"]}, 3, 0, tmp_path / "two.png")
    write_view_sheet(images[:2], {"simclr": AUGMENTATIONS["simclr"]}, 3, 0, tmp_path / "one.png")
    two, one = (cv2.imread(str(tmp_path / name)) for name in ("two.png", "one.png"))
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.5 * one.shape[0]


def test_without_an_image_that_can_be_read_nothing_is_written(tmp_path):
    with pytest.raises(HilumError, match="images that can be read"):
        write_view_sheet(
            [SheetRow("broken", "", reason="empty file")], {"simclr": AUGMENTATIONS["simclr"]}, 3, 0, tmp_path / "x.png"
        )
    assert not list(tmp_path.iterdir())

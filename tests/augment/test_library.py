import hashlib

import numpy as np
import pytest

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.augment.library import (
    augmentation_of,
    named_augmentation,
    named_augmentations,
    parse_augmentation,
    read_augmentation,
)
from hilum.augment.parameters import draw_parameters
from hilum.draws import image_keys
from hilum.errors import HilumError, HilumErrors

COLOURLESS = ("chen2020", "caron", "oquab", "gowtham")


def test_the_gentle_augmentations_are_what_results_were_measured_with():
    gentle = Augmentation(
        crop_area=(0.5, 1.0),
        crop_aspect=(3 / 4, 4 / 3),
        rotate=10.0,
        flip=0.5,
        brightness=0.2,
        contrast=0.2,
        blur_probability=0.5,
        blur_sigma=(0.1, 1.0),
    )
    assert AUGMENTATIONS["none"] == Augmentation()
    assert AUGMENTATIONS["simclr"] == AUGMENTATIONS["mocov2"] == gentle
    assert AUGMENTATIONS["local"] == Augmentation(**(gentle.ranges() | {"crop_area": (0.1, 0.5)}))
    assert AUGMENTATIONS["fcmae"] == Augmentation(crop_area=(0.5, 1), crop_aspect=(3 / 4, 4 / 3), flip=0.5)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("none", "babe5f840491"),
        ("finetune", "2cc38775e18d"),
        ("simclr", "0c4c2307df7d"),
        ("fcmae", "d572b9b5a1db"),
        ("local", "c09b5162c6b9"),
    ],
)
def test_the_gentle_augmentations_draw_the_bits_that_they_always_did(name, digest):
    """Golden values: of the parameters as they were drawn before augmentations had more than crop, jitter and blur."""
    keys = image_keys(f"film {number}" for number in range(100))
    drawn = draw_parameters(keys, AUGMENTATIONS[name], 96, 64, seed=3, epoch=2, view=1)
    fields = (np.ascontiguousarray(getattr(drawn, each)) for each in ("maps", "brightness", "contrast", "sigma"))
    rounded = b"".join((np.round(field, 9) + 0.0).tobytes() for field in fields)  # sines may differ in the last bit
    assert hashlib.sha256(rounded).hexdigest()[:12] == digest


def test_the_papers_augmentations_are_the_published_ones():
    """Values as written in the papers and in their authors' code; see `of` in the table."""
    simclr = AUGMENTATIONS["chen2020_simclr"]
    assert (simclr.crop_area, simclr.jitter_probability, simclr.brightness) == ((0.08, 1), 0.8, 0.8)
    assert (simclr.blur_probability, simclr.blur_sigma) == (0.5, (0.1, 2))
    moco = AUGMENTATIONS["chen2020_mocov2"]
    assert (moco.crop_area, moco.brightness, moco.contrast) == ((0.2, 1), 0.4, 0.4)
    assert AUGMENTATIONS["caron2020_swav"].crop_area == (0.14, 1)
    assert AUGMENTATIONS["caron2020_swav_local"].crop_area == (0.05, 0.14)
    dino = [AUGMENTATIONS[f"caron2021_dino{which}"] for which in ("", "_second", "_local")]
    assert [each.blur_probability for each in dino] == [1, 0.1, 0.5]
    assert [each.solarize_probability for each in dino] == [0, 0.2, 0]
    assert [each.crop_area for each in dino] == [(0.4, 1), (0.4, 1), (0.05, 0.4)]
    assert (
        AUGMENTATIONS["oquab2023_dinov2"].crop_area == AUGMENTATIONS["oquab2023_dinov2_second"].crop_area == (0.32, 1)
    )
    assert AUGMENTATIONS["oquab2023_dinov2_local"].crop_area == (0.05, 0.32)
    assert AUGMENTATIONS["woo2023_fcmae"].ranges().keys() == {"crop_area", "crop_aspect", "flip"}
    assert AUGMENTATIONS["sowrirajan2021_mococxr"] == Augmentation(rotate=10, flip=0.5)


def test_the_five_studies_augmentations_are_the_published_ones():
    """Read from the papers' own text."""
    assert AUGMENTATIONS["elwirehardja2025"] == Augmentation(rotate=60, flip=0.5)
    assert AUGMENTATIONS["gowtham2023"] == AUGMENTATIONS["chen2020_simclr"]  # no ranges are given there
    assert AUGMENTATIONS["tayebiarasteh2024"] == Augmentation(rotate=8, flip=0.5)
    assert AUGMENTATIONS["kivotova2021"] == Augmentation(rotate=15, shift=0.05, scale=(0.95, 1.05), flip=0.5)
    assert AUGMENTATIONS["kivotova2021"] == AUGMENTATIONS["finetune"]
    assert AUGMENTATIONS["kivotova2021_simclr"] == Augmentation(crop_area=(0.08, 1), rotate=20, flip=0.5)


def test_every_augmentation_says_where_it_is_from_and_what_it_is_for():
    for name, entry in named_augmentations().items():
        assert entry.made_for in ("pretraining", "local", "fine-tuning"), name
        assert len(entry.source) > 15, name
        assert entry.source.endswith("."), name
        if name.startswith(COLOURLESS):
            assert entry.left_out == "Saturation, hue and conversion to grayscale.", name
        if not entry.source.startswith(("Ours", "No augmentation")):
            assert "20" in entry.source, name


def test_a_written_augmentation_starts_from_a_named_one():
    written = parse_augmentation({"like": "simclr", "flip": 0, "crop_area": [0.2, 1]})
    assert written == Augmentation(**(AUGMENTATIONS["simclr"].ranges() | {"flip": 0.0, "crop_area": (0.2, 1)}))
    assert parse_augmentation({"rotate": 5}) == Augmentation(rotate=5)
    assert parse_augmentation({}) == Augmentation()


def test_an_augmentation_written_as_its_ranges_is_the_same_again():
    for augmentation in AUGMENTATIONS.values():
        ranges = {
            name: list(value) if isinstance(value, tuple) else value for name, value in augmentation.ranges().items()
        }
        assert parse_augmentation(ranges) == augmentation


def test_everything_wrong_with_a_written_augmentation_is_reported_at_once():
    with pytest.raises(HilumErrors) as caught:
        parse_augmentation(
            {"like": "simcrl", "flop": 0.5, "flip": 2, "scale": 1.0, "rotate": "much", "blur_sigma": [1]}
        )
    expected = {problem.split(":")[0]: problem for problem in caught.value.problems}
    assert expected.keys() == {"like", "flop", "flip", "scale", "rotate", "blur_sigma"}
    assert "did you mean 'simclr'?" in expected["like"]
    assert "did you mean 'flip'?" in expected["flop"]
    assert "(low, high)" in expected["scale"]


def test_a_written_augmentation_that_is_no_mapping_is_refused():
    with pytest.raises(HilumErrors, match="expected ranges by name; found 3"):
        parse_augmentation(3)


def test_the_command_line_takes_a_name_or_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("like: simclr\nflip: 0\n")
    assert named_augmentation("simclr") == "simclr"
    assert (
        named_augmentation(str(path))
        == read_augmentation(path)
        == Augmentation(**(AUGMENTATIONS["simclr"].ranges() | {"flip": 0}))
    )
    with pytest.raises(HilumError, match="found simclear"):
        named_augmentation("simclear")
    with pytest.raises(HilumError, match="no file"):
        named_augmentation(str(tmp_path / "missing.yaml"))
    path.write_text("flip: [")
    with pytest.raises(HilumError, match="expected a YAML file"):
        read_augmentation(path)
    path.write_text("flip: 3\n")
    with pytest.raises(HilumErrors, match=r"mine\.yaml"):
        read_augmentation(path)


def test_an_augmentation_or_its_name_is_an_augmentation():
    assert augmentation_of("simclr") == augmentation_of(AUGMENTATIONS["simclr"])
    with pytest.raises(HilumError, match="Do you mean simclr"):
        augmentation_of("simcrl")

"""Studies in miniature: every arm stays, no two large encoders become the same small one, and nothing needs data."""

import pytest

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.study.file import find_study, parse_study, read_study
from hilum.study.file.scale import (
    SIZE_OF_MANY,
    TINY_ENCODERS,
    TINY_EXCLUSIVE_IMAGES,
    TINY_IMAGES,
    TINY_POOL_IMAGES,
    TINY_SIZE,
    tiny,
    tiny_encoders,
)

SHIPPED = [
    "elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021", "which_pretraining",
    "label_efficiency", "label_noise", "pool_composition", "resolution", "augmentations", "demo",
]  # fmt: skip


def encoders(study):
    return [part.encoder for part in (*study.starts.values(), *study.arms.values()) if part.encoder]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_keeps_its_arms_and_as_many_encoders(name):
    study = read_study(find_study(name))
    small = tiny(study)
    assert list(small.arms) == list(study.arms)
    assert list(small.starts) == list(study.starts)
    assert len(set(encoders(small))) == len(set(encoders(study)))
    assert all(data.generate is not None for data in small.data.values())
    sizes = [(arm.finetune.size or study.finetune.size, small.arms[key].finetune.size) for key, arm in study.arms.items()]  # fmt: skip
    compared = {large: few for large, few in sizes if large}
    assert len(set(compared.values())) == len(compared)
    assert all(few <= TINY_SIZE for few in compared.values())


def test_stand_ins_are_smaller_ones_of_the_catalogue_and_of_the_same_family():
    for large, smaller in TINY_ENCODERS.items():
        for small in smaller:
            assert ARCHITECTURES[small].gigaflops < ARCHITECTURES[large].gigaflops, (large, small)
            if large != "toh2023_unet_encoder":
                assert ARCHITECTURES[small].family == ARCHITECTURES[large].family


def test_large_encoders_of_one_family_get_different_stand_ins():
    assert tiny_encoders(["resnet101", "resnet50"]) == {"resnet50": "resnet18", "resnet101": "resnet34"}
    assert tiny_encoders(["resnet50", "resnet18"]) == {"resnet50": "resnet34"}
    assert tiny_encoders(["vit_base_patch14_dinov2", "resnet18"]) == {"vit_base_patch14_dinov2": "vit_small_patch14_dinov2"}  # fmt: skip


def test_a_study_of_many_trainings_has_one_seed_and_few_trials():
    text = """
question: q
data: {ours: {collection: folder, labels: l.csv}}
preprocess: [{resize: 224}]
task: {findings: [Mass], split: {patients: [0.6, 0.2, 0.2]}}
arms: {%s}
sweep: {over: {lr: [1.0e-4, 1.0e-3]}, search: grid}
seeds: [0, 1, 2]
"""
    arms = ", ".join(f"a{number}: {{encoder: resnet18}}" for number in range(13))
    many = tiny(parse_study(text % arms, where="many.yaml"))
    assert (many.seeds, many.sweep.trials) == ([0], 2)
    few = tiny(parse_study(text % "a: {encoder: resnet18}, b: {encoder: resnet50}", where="few.yaml"))
    assert (few.seeds, few.sweep.trials) == ([0, 1], 4)


def test_images_are_as_many_as_their_labels_are_needed():
    pooled = tiny(read_study(find_study("kivotova2021"))).data
    assert {name: data.generate.images for name, data in pooled.items()} == {
        "chexpert": TINY_IMAGES,
        **dict.fromkeys(["chestxray14", "kermany", "gb7", "tbx11k", "vindr"], TINY_POOL_IMAGES),
    }
    supervised = tiny(read_study(find_study("demo"))).data  # a start learns the labels of `public`
    assert {data.generate.images for data in supervised.values()} == {TINY_IMAGES}
    tested = tiny(read_study(find_study("pool_composition"))).data
    assert [data.generate.images for data in tested.values()] == [TINY_IMAGES, TINY_POOL_IMAGES, TINY_IMAGES]
    (multiclass,) = tiny(read_study(find_study("elwirehardja2025"))).data.values()
    assert multiclass.generate.images == TINY_EXCLUSIVE_IMAGES


def test_many_trainings_without_pretraining_are_shorter_and_of_smaller_images():
    many = tiny(read_study(find_study("elwirehardja2025")))
    assert {data.generate.size for data in many.data.values()} == {SIZE_OF_MANY}
    assert {"resize": SIZE_OF_MANY} in many.preprocess
    assert many.finetune.epochs == 1
    pretrained = tiny(read_study(find_study("which_pretraining")))
    assert {data.generate.size for data in pretrained.data.values()} == {TINY_SIZE}

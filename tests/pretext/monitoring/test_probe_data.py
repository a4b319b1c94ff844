import numpy as np
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.pretext.monitoring import probe_data as module, probed_images


def labelled(images, *, images_each=2, first=0, positives=(0.5,), seed=0):
    """Images of patients with so many each; the first patients have each finding, with this share."""
    patients = [f"patient {first + row // images_each}" for row in range(images)]
    ill = [np.arange(images) < share * images for share in positives]
    return LabelledImages(
        [f"image {first} {row}" for row in range(images)], patients, np.stack(ill, axis=1).astype(np.float32)
    )


def test_few_images_are_taken_as_they_are():
    train, val = labelled(60), labelled(40, first=100)
    images = probed_images(["Mass"], train, val, seed=0)
    assert (images.train.image_ids, images.val.image_ids) == (train.image_ids, val.image_ids)
    assert (images.findings, images.positives, images.decides) == (["Mass"], [10], True)
    assert images.description == "fitted to 60 images of 30 patients, scored on 40 images of 20 patients"
    assert images.patients == [*train.patient_ids, *val.patient_ids]


def test_of_many_images_whole_patients_are_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr(module, "MOST_TO_FIT", 200)
    train, val = labelled(900, images_each=3), labelled(60, first=1000)
    drawn = [probed_images(["Mass"], train, val, seed=seed).train for seed in (0, 0, 1)]
    for images in drawn:
        assert len(images.image_ids) == 198  # 66 patients of three images; a 67th would be too many
        assert all(images.patient_ids.count(patient) == 3 for patient in images.patient_ids)
    assert drawn[0].image_ids == drawn[1].image_ids != drawn[2].image_ids
    others = LabelledImages(train.image_ids[::-1], train.patient_ids[::-1], train.targets[::-1])
    assert set(probed_images(["Mass"], others, val, seed=0).train.image_ids) == set(drawn[0].image_ids)


def test_findings_without_enough_patients_do_not_count_and_where_none_has_enough_nothing_is_decided():
    train, val = labelled(100, positives=(0.5, 0.5, 0.0)), labelled(40, first=100, positives=(0.5, 0.45, 0.5))
    images = probed_images(["Mass", "Nodule", "Hernia"], train, val, seed=0)
    assert (images.findings, images.val.targets.shape, images.decides) == (["Mass"], (40, 1), True)
    few = labelled(40, first=100, positives=(0.45, 0.4, 0.5))
    images = probed_images(["Mass", "Nodule", "Hernia"], train, few, seed=0)
    assert (images.findings, images.positives, images.decides) == (["Mass", "Nodule"], [9, 8], False)
    nothing = labelled(40, first=100, positives=(0.0, 1.0, 0.5))
    assert probed_images(["Mass", "Nodule", "Hernia"], train, nothing, seed=0) is None


def test_positives_are_counted_by_patient_and_not_by_image():
    val = labelled(40, images_each=4, first=100)
    assert not probed_images(["Mass"], labelled(100), val, seed=0).decides  # 20 images, but of 5 patients


def test_images_of_patients_that_are_scored_are_not_learnt_from():
    images = probed_images(["Mass"], labelled(100), labelled(60, first=40), seed=0)
    assert not set(images.train.patient_ids) & set(images.val.patient_ids)
    assert len(images.train.image_ids) == 80


def test_a_third_class_is_masked():
    train, val = labelled(100), labelled(60, first=100)
    train.targets[3] = 2
    assert np.isnan(probed_images(["Mass"], train, val, seed=0).train.targets[3, 0])


@pytest.mark.parametrize("change", ["label", "image", "finding"])
def test_the_digest_tells_other_labels_apart(change):
    def digest(change=""):
        val = labelled(60, first=100)
        if change == "label":
            val.targets[5] = 0
        if change == "image":
            val.image_ids[5] = "another"
        return probed_images(["Nodule" if change == "finding" else "Mass"], labelled(100), val, seed=0).digest

    assert digest() == digest()
    assert digest(change) != digest()

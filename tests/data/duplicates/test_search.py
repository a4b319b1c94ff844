import cv2
import numpy as np
import pytest

from hilum.data.duplicates import groups, near_duplicates, thumbnail
from hilum.phantom import population_images, render_image


def test_planted_copies_are_found_and_nothing_else(images, disguises):
    small = [thumbnail(image) for image in images]
    planted = set()
    for number, disguise in enumerate(disguises.values()):
        for row in (number, number + 8):
            planted.add((row, len(small)))
            small.append(thumbnail(disguise(images[row])))
    found = near_duplicates(np.array(small))
    assert {tuple(pair) for pair in found.pairs.tolist()} == planted
    assert found.correlation.min() >= 0.925
    assert not found.blank.any()


def test_images_without_a_copy_give_no_pair(images):
    assert len(near_duplicates(np.array([thumbnail(image) for image in images])).pairs) == 0


def test_equal_images_are_each_paired_with_the_first(images):
    small = thumbnail(images[0])
    found = near_duplicates(np.array([thumbnail(images[1]), small, small, small]))
    assert found.pairs.tolist() == [[1, 2], [1, 3]]
    assert found.correlation.tolist() == [1, 1]


def test_a_negative_is_found_as_the_same_image(images):
    small = [thumbnail(image) for image in images]
    found = near_duplicates(np.array([*small, 255 - small[4]]))
    assert found.pairs.tolist() == [[4, 30]]
    assert found.correlation[0] < -0.9


def test_empty_images_are_no_copies_of_each_other():
    found = near_duplicates(np.zeros((5, 64, 64), dtype=np.uint8))
    assert len(found.pairs) == 0
    assert found.blank.all()


def test_the_result_depends_neither_on_threads_nor_on_what_stands_around(images, disguises):
    small = np.array([thumbnail(image) for image in [*images, disguises["2 px"](images[5])]])
    one, many = near_duplicates(small), near_duplicates(small, workers=3)
    assert one.pairs.tolist() == many.pairs.tolist() == [[5, 30]]
    assert np.array_equal(one.correlation, many.correlation)
    assert near_duplicates(small[[5, 30]]).pairs.tolist() == [[0, 1]]


def test_nothing_to_search_is_no_error():
    found = near_duplicates(np.zeros((0, 64, 64), dtype=np.uint8))
    assert found.pairs.shape == (0, 2)


def test_progress_reaches_the_number_of_images(images):
    message = []
    near_duplicates(
        np.array([thumbnail(image) for image in images]),
        on_progress=lambda done, total, note: message.append((done, total)),
    )
    assert message[-1] == (30, 30)


def test_groups_join_chains_of_pairs():
    assert groups(7, np.array([[0, 2], [2, 5], [3, 4]])).tolist() == [0, -1, 0, 1, 1, 0, -1]


@pytest.mark.slow
def test_recall_among_two_thousand_generated_images(disguises):
    population = population_images(8, 2_000)
    images = [render_image(image, size=256, seed=8).pixels for image in population[:200]]
    small = [thumbnail(image) for image in images]
    small += [thumbnail(render_image(image, size=64, seed=8).pixels) for image in population[200:]]
    planted = {}
    for name, disguise in disguises.items():
        for row, image in enumerate(images):
            planted[row, len(small)] = name
            small.append(thumbnail(disguise(image)))
    source = np.arange(len(small))
    for row, copy in planted:
        source[copy] = row
    found = near_duplicates(np.array(small), workers=2)
    pairs = {tuple(pair) for pair in found.pairs.tolist()}
    assert all(source[one] == source[other] for one, other in pairs)
    missed = [name for pair, name in planted.items() if pair not in pairs]
    assert len(missed) <= 0.005 * len(planted), missed


@pytest.mark.shared_data
def test_images_that_two_real_samples_share_are_found_and_no_others(shared_data):
    small, ids = [], []
    for sample in ("chestxray14_sample", "chestxray14_tiny64"):
        for path in sorted((shared_data / sample / "images").glob("*.png")):
            small.append(thumbnail(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
            ids.append(path.name)
    found = near_duplicates(np.array(small), workers=2)
    pairs = [(ids[one], ids[other]) for one, other in found.pairs]
    shared = {name for name in ids if ids.count(name) == 2}
    assert len(shared) == 4
    assert sorted(pairs) == sorted((name, name) for name in shared)

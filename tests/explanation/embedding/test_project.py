import numpy as np
import pytest

from hilum.errors import HilumError
from hilum.explanation.embedding import principal_components
from hilum.explanation.embedding.project import embed


@pytest.fixture(scope="module")
def three_groups():
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(3, 20)) * 3
    return np.concatenate([draw.normal(size=(20, 20)) * 0.3 + centre for centre in centres]).astype(np.float32)


def share_of_group(points):
    """Of how many points is the nearest other one of their group of twenty?"""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.mean(distances.argmin(1) // 20 == np.arange(60) // 20)


def test_principal_components_keep_the_angles_between_images(three_groups):
    reduced = principal_components(three_groups)
    assert reduced.shape == (60, 20)
    unit = three_groups / np.linalg.norm(three_groups, axis=1, keepdims=True)
    expected = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    assert np.allclose(np.linalg.norm(reduced[:, None] - reduced[None], axis=2), expected, atol=1e-5)
    assert principal_components(three_groups, 2).shape == (60, 2)


def test_tsne_keeps_groups_together_and_gives_the_same_points_again(three_groups):
    points = embed(three_groups, "tsne", seed=3)
    assert points.shape == (60, 2)
    assert share_of_group(points) == 1
    assert np.array_equal(points, embed(three_groups, "tsne", seed=3))


@pytest.mark.slow
def test_umap_keeps_groups_together_and_gives_the_same_points_again(three_groups):
    points = embed(three_groups, "umap", seed=3)
    assert share_of_group(points) == 1
    assert np.array_equal(points, embed(three_groups, "umap", seed=3))
    assert not np.array_equal(points, embed(three_groups, "umap", seed=4))


def test_ten_images_are_enough_and_nine_are_not(three_groups):
    assert np.isfinite(embed(three_groups[:10], "tsne")).all()
    with pytest.raises(HilumError, match="at least 10 images; found 9"):
        embed(three_groups[:9], "tsne")
    with pytest.raises(HilumError, match="tsne or umap; found 'pca'"):
        embed(three_groups, "pca")

"""Features as points on a plane: t-SNE and UMAP.

Both keep near images near and say little about distances between groups, sizes of groups, or empty space. Whether
classes are apart is measured by the numbers of `hilum.explanation.embedding.purity`, which come from the features
themselves.
"""

import warnings
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.explanation.embedding.features import unit_length

EmbeddingMethod: TypeAlias = Literal["tsne", "umap"]
COMPONENTS = 50
"""Principal components that both start from: van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9, 2008,
§4.1 use 30; 50 is what scikit-learn advises for dense data."""
PERPLEXITY = 30.0
"""Van der Maaten & Hinton, §2: between 5 and 50, to which results are robust."""
NEIGHBOURS, LEAST_DISTANCE = 15, 0.1
"""UMAP's: McInnes, Healy & Melville, "UMAP", arXiv:1802.03426v3, §4.3, and the library's defaults."""
FEWEST_IMAGES = 10


def embed(values: NDArray[np.float32], method: EmbeddingMethod, *, seed: int = 0) -> NDArray[np.float32]:
    """Images on a plane.

    Features are brought to unit length, so that Euclidean distances rise with the angle between images, and reduced to
    their first `COMPONENTS` principal components. t-SNE starts from the first two of them (Kobak & Berens, "The art of
    using t-SNE for single-cell transcriptomics", Nature Communications 10:5416, 2019).

    Args:
        values: features (N, D), N at least `FEWEST_IMAGES`.
        method: "tsne" or "umap".
        seed: of what is drawn; the same seed gives the same points on the same machine.

    Returns:
        (N, 2) float32, in no unit.

    Raises:
        HilumError: an unknown method, or too few images.
    """
    if method not in get_args(EmbeddingMethod):
        known = " or ".join(get_args(EmbeddingMethod))
        raise HilumError("--method", expected=known, found=repr(method), fix="Use one of these, or both.")
    if len(values) < FEWEST_IMAGES:
        expected = f"at least {FEWEST_IMAGES} images"
        raise HilumError("an embedding", expected=expected, found=f"{len(values)}", fix="Give more images.")
    reduced = principal_components(values)
    return _tsne(reduced, seed) if method == "tsne" else _umap(reduced, seed)


def principal_components(values: NDArray[np.float32], count: int = COMPONENTS) -> NDArray[np.float32]:
    """Features of unit length in their first principal components, (N, at most `count`); signs are fixed."""
    from sklearn.decomposition import PCA

    unit = unit_length(values)
    components = min(count, *unit.shape)
    solver = "covariance_eigh" if len(unit) > unit.shape[1] else "full"  # neither draws; the first is faster
    reduced: NDArray[np.float64] = PCA(components, svd_solver=solver).fit_transform(unit.astype(np.float64))
    return reduced.astype(np.float32)


def _tsne(reduced: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(reduced) - 1) / 3)
    with threadpool_limits(1):  # sums over several threads end with other bits, and t-SNE makes other images of them
        points: NDArray[np.float32] = TSNE(
            2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed
        ).fit_transform(reduced)
    return points


def _umap(reduced: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # of its parametric variant, which needs another library
        from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Numba's, about code that it compiles there
        points: NDArray[np.float32] = UMAP(
            n_neighbors=min(NEIGHBOURS, len(reduced) - 1), min_dist=LEAST_DISTANCE, random_state=seed, n_jobs=1
        ).fit_transform(reduced)
    return points

"""Two-dimensional projection of features: t-SNE and UMAP.

Both preserve neighbourhoods; distances between groups, sizes of groups and empty space have little meaning. Class
separation is measured in the features themselves, see `hilum.explanation.embedding.purity`.
"""

import warnings
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.explanation.embedding.features import unit_length

EmbeddingMethod: TypeAlias = Literal["tsne", "umap"]
COMPONENTS = 50
"""Principal components used as input: van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9, 2008,
§4.1 use 30; 50 is what scikit-learn advises for dense data."""
PERPLEXITY = 30.0
"""Van der Maaten & Hinton, §2: between 5 and 50, to which results are robust."""
NEIGHBOURS, LEAST_DISTANCE = 15, 0.1
"""Settings of UMAP: McInnes, Healy & Melville, "UMAP", arXiv:1802.03426v3, §4.3, and the library's defaults."""
FEWEST_IMAGES = 10


def embed(values: NDArray[np.float32], method: EmbeddingMethod, *, seed: int = 0) -> NDArray[np.float32]:
    """Project features to two dimensions.

    Features are normalised to unit length, so that Euclidean distances increase with the angle between images, and
    reduced to their first `COMPONENTS` principal components. t-SNE is initialised with the first two of them (Kobak &
    Berens, "The art of using t-SNE for single-cell transcriptomics", Nature Communications 10:5416, 2019).

    Args:
        values: Features, (N, D), N at least `FEWEST_IMAGES`.
        method: "tsne" or "umap".
        seed: Random seed; the same seed gives the same points on the same machine.

    Returns:
        Coordinates, (N, 2) float32, without unit.

    Raises:
        HilumError: An unknown method, or too few images.
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
    """Reduce features of unit length to their first principal components, (N, at most `count`), with fixed signs."""
    from sklearn.decomposition import PCA

    unit = unit_length(values)
    components = min(count, *unit.shape)
    solver = "covariance_eigh" if len(unit) > unit.shape[1] else "full"  # both are deterministic; the first is faster
    reduced: NDArray[np.float64] = PCA(components, svd_solver=solver).fit_transform(unit.astype(np.float64))
    return reduced.astype(np.float32)


def _tsne(reduced: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(reduced) - 1) / 3)
    with threadpool_limits(1):  # sums over several threads differ in the last bits, which changes the result of t-SNE
        points: NDArray[np.float32] = TSNE(
            2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed
        ).fit_transform(reduced)
    return points


def _umap(reduced: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # from its parametric variant, which needs another library
        from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Numba, about compiled code
        points: NDArray[np.float32] = UMAP(
            n_neighbors=min(NEIGHBOURS, len(reduced) - 1), min_dist=LEAST_DISTANCE, random_state=seed, n_jobs=1
        ).fit_transform(reduced)
    return points

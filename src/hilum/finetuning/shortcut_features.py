"""Features of shortcut baselines: patient metadata, thumbnails, and untrained encoders."""

from collections.abc import Sequence

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.augment import plain_view
from hilum.data.store import Store
from hilum.encoders.calibrated import calibrated_random
from hilum.encoders.zoo import create_encoder
from hilum.finetuning.data_loader import BatchLoader
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device

_SIDE = 8
_CALIBRATION_IMAGES, _BATCH = 512, 64

Features = NDArray[np.float32]


def metadata_features(manifest: pl.DataFrame, image_ids: Sequence[str]) -> Features:
    """Compute features of age, sex and view, (N, D).

    Age in years and its square (0 where unknown), an indicator of unknown age, and one-hot columns of sex and view,
    including blanks.
    """
    rows = pl.DataFrame({"image_id": list(image_ids)}).join(
        manifest.select("image_id", "age", "sex", "view"), on="image_id", how="left", maintain_order="left"
    )
    age = rows["age"].fill_null(0.0).to_numpy()
    columns = [age, age**2, rows["age"].is_null().to_numpy()]
    for name in ("sex", "view"):
        values = rows[name].fill_null("")
        columns += [(values == value).to_numpy() for value in sorted(manifest[name].fill_null("").unique())]
    return np.stack(columns, axis=1).astype(np.float32)


def thumbnail_features(store: Store, image_ids: Sequence[str]) -> Features:
    """Compute thumbnails of 8 x 8 pixels (area averages), (N, 64), 0 to 255."""
    features = np.empty((len(image_ids), _SIDE * _SIDE), dtype=np.float32)
    for place, row in enumerate(store.rows(list(image_ids))):
        image = np.asarray(store.pixels[row], dtype=np.float32)
        features[place] = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
    return features


def random_encoder_features(
    store: Store,
    image_ids: Sequence[str],
    encoder: str,
    *,
    seed: int,
    calibrated_on: Sequence[str] = (),
    size: int | None = None,
    device: Device = "auto",
) -> Features:
    """Compute features of an untrained encoder, (N, feature width).

    Args:
        store: Pixels of the images.
        image_ids: N image ids.
        encoder: Name of the encoder.
        seed: Random seed of its weights.
        calibrated_on: Images to set batch-norm statistics on; without images timm's initialisation is unchanged.
        size: Side of the network input in px; None for that of the store.
        device: Device of the computation.
    """
    where = choose_device(device)
    loader = BatchLoader(
        store,
        size=size or store.recipe.size,
        batch_size=_BATCH,
        seed=0,
        workers=1,
        device=where,
        precision="fp32",
    )
    if calibrated_on:
        images = loader.plain(list(calibrated_on)[:_CALIBRATION_IMAGES])
        views = (plain_view(batch.images.cpu(), loader.size) for batch in images if len(batch) > 1)
        network = calibrated_random(encoder, seed=seed, images=views)
    else:
        network = create_encoder(encoder, seed=seed)
    outputs: Features = loader.outputs(network.to(where).eval(), image_ids, "features").cpu().numpy()
    return outputs

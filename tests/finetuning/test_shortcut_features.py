"""Models that need no radiology: what they see of images."""

import numpy as np
import polars as pl

from hilum.finetuning.shortcut_features import metadata_features, random_encoder_features, thumbnail_features


def test_what_is_known_of_a_patient_becomes_columns_blanks_too():
    manifest = pl.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "age": [50.0, None, 20.0],
            "sex": ["F", "M", None],
            "view": ["PA", "AP", "PA"],
        }
    )
    # age, its square, unknown; sex blank, F, M; view AP, PA
    assert metadata_features(manifest, ["b", "a"]).tolist() == [
        [0, 0, 1, 0, 0, 1, 1, 0],
        [50, 2500, 0, 0, 1, 0, 0, 1],
    ]


def test_a_thumbnail_is_the_mean_of_its_part_of_the_image(store):
    image = store.pixels[3].astype(float)
    expected = image.reshape(8, 4, 8, 4).mean((1, 3)).ravel()
    assert np.allclose(thumbnail_features(store, [store.image_ids[3]])[0], expected, atol=1e-3)


def test_random_features_are_of_the_seed_and_calibration_changes_them(store):
    ids = store.image_ids[:10]
    plain = random_encoder_features(store, ids, "resnet18", seed=0, device="cpu")
    assert plain.shape == (10, 512)
    assert np.array_equal(plain, random_encoder_features(store, ids, "resnet18", seed=0, device="cpu"))
    assert not np.array_equal(plain, random_encoder_features(store, ids, "resnet18", seed=1, device="cpu"))
    calibrated = random_encoder_features(store, ids, "resnet18", seed=0, calibrated_on=store.image_ids, device="cpu")
    assert not np.allclose(plain, calibrated)

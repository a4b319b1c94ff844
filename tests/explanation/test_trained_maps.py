"""What heat maps must show on generated radiographs: they find what was learnt, and untrained ones do not."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.explanation.localisation import CENTRE, RANDOM, BoxedCase, score_models
from hilum.explanation.maps import load_models, maps_of_pairs
from hilum.explanation.settings import ExplainConfig
from hilum.finetuning.finetune import finetune
from hilum.finetuning.scores import SCORES, read_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.phantom import population_images, render_image

FINDING = "Pleural Effusion"
SIZE = 128
SETTINGS = FinetuneSettings(epochs=25, batch_size=16, lr=1e-3, optimizer="adamw", patience=None, device="cpu")


@pytest.mark.slow
def test_maps_of_a_trained_model_point_better_than_the_centre_and_those_of_random_weights_do_not(tmp_path):
    population = population_images(7, 4200)
    having = [image for image in population if FINDING in image.severities]
    lacking = [image for image in population if FINDING not in image.severities]
    taken = [*having, *lacking[:: len(lacking) // len(having)][: len(having)]]
    rendered = [
        render_image(image, size=SIZE, seed=7, boxed=[FINDING] if FINDING in image.severities else [])
        for image in taken
    ]
    ids = [image.image_id for image in taken]
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    pixels = np.stack([image.pixels for image in rendered])
    store = Store(Path("memory"), pixels, ids, nothing, parse_recipe([{"resize": SIZE}]))
    patients = sorted({image.patient for image in taken})
    train, val = patients[: round(0.6 * len(patients))][-1], patients[: round(0.7 * len(patients))][-1]

    def labelled(first, last):
        some = [image for image in taken if first < image.patient <= last]
        targets = np.array([[FINDING in image.severities] for image in some], dtype=np.float32)
        return LabelledImages([image.image_id for image in some], [str(image.patient) for image in some], targets)

    test = labelled(val, patients[-1])
    arm = finetune(
        "random", "resnet18", store, labelled(0, train), labelled(train, val), test.image_ids, [FINDING],
        settings=SETTINGS, seed=0, directory=tmp_path / "arm",
    )  # fmt: skip
    given = dict(read_scores(arm / SCORES, store, test.image_ids).rows())
    cases = [
        BoxedCase(image.image_id, str(image.patient), FINDING, np.array([(b.x, b.y, b.width, b.height) for b in drawn.boxes]) / 1024)
        for image, drawn in zip(taken, rendered, strict=True)
        if image.patient > val and drawn.boxes
    ]  # fmt: skip
    (model,) = load_models([arm], torch.device("cpu"))
    maps = maps_of_pairs(model, store, [(case.image_id, FINDING) for case in cases], "gradcam")
    confidence = np.array([given[case.image_id] for case in cases])
    table, _ = score_models([model], [store], [cases], [maps], [confidence], ExplainConfig("gradcam", (FINDING,)))
    pointing = table.filter(pl.col("metric") == "pointing", pl.col("finding") == FINDING)

    def low_end(arm, reference):
        return pointing.filter(pl.col("arm") == arm, pl.col("reference") == reference)["ci_low"].item()

    assert low_end(model.name, CENTRE) > 0
    assert low_end(model.name, RANDOM) > 0
    assert low_end(RANDOM, CENTRE) <= 0

"""Explanation of finished arms: heat maps, their agreement with boxes, and feature embeddings.

Models are those of the first seed, images are test images.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hilum.artifacts import whole_directory, write_json
from hilum.data.store import Store
from hilum.draws import Stream, image_keys, shuffled
from hilum.explanation.embedding import FEWEST_IMAGES, BeforeHead, ChosenImages, embed_images, features_of
from hilum.explanation.files import write_explained
from hilum.explanation.images import choose_images
from hilum.explanation.maps import Model, load_models
from hilum.explanation.run import explain
from hilum.explanation.settings import ExplainConfig
from hilum.notes import Code, note, notes_as_data
from hilum.progress import ProgressReport
from hilum.study.file import Explanation
from hilum.study.plan import finetuning_directory, labels
from hilum.study.prepared import Prepared
from hilum.training.distributed.device import choose_device

NEIGHBOURS = 20
"""Nearest neighbours of the purity, as in `hilum embed`."""


def explain_arms(prepared: Prepared, store: Store, out: Path, directory: Path, on_progress: ProgressReport) -> None:
    """Explain the arms of the section `explain`.

    `directory` then contains the files of `hilum explain` without its page, and `embedding.parquet`, `purity.parquet`
    and `embed.json` with a column `arm`; it is complete or absent.

    Args:
        prepared: Prepared data of the task.
        store: Store of the labelled data set.
        out: Directory of the study.
        directory: Directory to write.
        on_progress: Receives the number of images done and the activity.
    """
    study = prepared.study
    if study.explain is None:
        raise ValueError("the study asks for no explanation")
    arms = [out / finetuning_directory(study, arm, study.seeds[0]) for arm in study.explained_arms]
    if not arms:  # all arms with an encoder failed
        with whole_directory(directory):
            return
    named = [(arm, study.seeds[0]) for arm in study.explained_arms]
    models = load_models(arms, choose_device("auto"), named)
    manifest = _test_images(prepared, store)
    with whole_directory(directory) as beside:
        _write_maps(prepared, store, models, manifest, study.explain, beside, on_progress)
        _write_points(prepared, store, models, manifest, study.explain, beside, on_progress)


def _test_images(prepared: Prepared, store: Store) -> pl.DataFrame:
    """Return the readable test images with labels for scoring (findings of the task) or raw labels (others)."""
    task = prepared.study.task
    scored = labels(prepared).rename({f"y_{finding}": finding for finding in task.findings})
    manifest = prepared.task.manifest.drop(task.findings, strict=False)
    rows = manifest.join(scored.select("image_id", *task.findings), on="image_id", maintain_order="left")
    test = set(prepared.task.test_ids)
    return rows.filter(
        pl.Series([image_id in test for image_id in rows["image_id"]], dtype=pl.Boolean)
        & pl.Series(store.has(rows["image_id"].to_list()), dtype=pl.Boolean)
    )


def _write_maps(
    prepared: Prepared,
    store: Store,
    models: list[Model],
    manifest: pl.DataFrame,
    how: Explanation,
    directory: Path,
    on_progress: ProgressReport,
) -> None:
    study, data = prepared.study, prepared.labelled
    findings = tuple(study.task.findings)
    images = choose_images(
        replace(data.dataset, manifest=manifest),
        data.issuer,
        [model.card for model in models],
        findings,
        most=how.candidates,
        seed=study.evaluate.seed,
        # the split separates patients, or the study and its notes state otherwise
        include_training_patients=True,
    )
    config = ExplainConfig(
        how.method, findings, how.images, n_bootstrap=study.evaluate.n_bootstrap, seed=study.evaluate.seed
    )
    write_explained(explain(models, [store] * len(models), images, config, on_progress), directory)


def _write_points(
    prepared: Prepared,
    store: Store,
    models: list[Model],
    manifest: pl.DataFrame,
    how: Explanation,
    directory: Path,
    on_progress: ProgressReport,
) -> None:
    """Write embedding and purity of each arm on the same images, unless disabled or with too few images."""
    ids = manifest["image_id"].to_list()
    count = min(how.points, len(ids))
    if how.embedding == "none" or count < FEWEST_IMAGES:
        return
    study, seed = prepared.study, prepared.study.evaluate.seed
    some = manifest[np.sort(shuffled(seed, image_keys(ids), use=Stream.TEST_IMAGES_TO_EXPLAIN)[:count])]
    names = prepared.labelled.patients(some["image_id"].to_list())
    sampled = note(Code.SAMPLED_IMAGES, images=count, of=len(ids), kind="test images")
    notes = [sampled] if count < len(ids) else []
    images = ChosenImages(some.with_columns(pl.Series("patient_id", names, dtype=pl.String)), 0, notes)
    points, purity = [], []
    for arm, model in zip(study.explained_arms, models, strict=True):
        features = features_of(
            BeforeHead(model.classifier).eval(),
            model.card.image_size,
            store,
            some["image_id"].to_list(),
            on_progress=on_progress,
        )
        embedded = embed_images(
            features,
            images,
            [how.embedding],
            k=NEIGHBOURS,
            most_shown=count,
            n_bootstrap=study.evaluate.n_bootstrap,
            seed=seed,
            on_progress=on_progress,
        )
        named = pl.lit(arm).alias("arm")
        points.append(embedded.points.select(named, pl.all()))
        purity.append(embedded.purity.select(named, pl.all()))
    pl.concat(points).write_parquet(directory / "embedding.parquet")
    pl.concat(purity).write_parquet(directory / "purity.parquet")
    about = {"arms": study.explained_arms, "seed": study.seeds[0], "images": count, "k": NEIGHBOURS}
    write_json(
        directory / "embed.json",
        {**about, "notes": notes_as_data([*embedded.notes, note(Code.MODELS_OF_SEED, seed=study.seeds[0])])},
    )

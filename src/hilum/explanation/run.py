"""Explanation of models: heat maps, localisation scores against boxes, and selected images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.store import Store
from hilum.errors import HilumError
from hilum.explanation.images import ExplainedImages
from hilum.explanation.localisation import BoxedCase, Boxes, boxed_cases, boxes_on_square, score_models
from hilum.explanation.maps import HeatMaps, Model, maps_of_pairs, probabilities
from hilum.explanation.selection import chosen_images
from hilum.explanation.settings import ExplainConfig
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Explained:
    """Heat maps of models with their scores.

    Attributes:
        config: Settings.
        models: Models, one or more.
        shown: Selected images: `finding`, `rule`, `image_id`.
        pairs: P pairs of image id and finding with maps: those with boxes, then those that are only shown.
        maps: Maps of each model, (P, rows, columns).
        scores: Predicted probabilities of each model, (P,).
        labels: Labels, (P,), 1, 0 or NaN.
        boxes: Boxes of the pairs that have any, on the first model's images.
        statistics: Table of `box_statistics`; None without boxes.
        cases: One row per pair with boxes and kind of map: `image_id`, `patient_id`, `finding`, `arm`, `replicate`
            and the scores; None without boxes.
        notes: Notes for the reader.
    """

    config: ExplainConfig
    models: Sequence[Model]
    shown: pl.DataFrame
    pairs: list[tuple[str, str]]
    maps: list[HeatMaps]
    scores: list[NDArray[np.float64]]
    labels: NDArray[np.float64]
    boxes: dict[tuple[str, str], Boxes]
    statistics: pl.DataFrame | None = None
    cases: pl.DataFrame | None = None
    notes: list[Note] = field(default_factory=list)


def explain(
    models: Sequence[Model],
    stores: Sequence[Store],
    images: ExplainedImages,
    config: ExplainConfig,
    on_progress: ProgressReport = silent,
) -> Explained:
    """Select images, compute their heat maps, and score the maps where there are boxes.

    Args:
        models: Models, one or more; all score the findings of the config.
        stores: Images of each model, preprocessed as its card records.
        images: Images of `hilum.explanation.images`; those that a store rejected are excluded.
        config: Settings.
        on_progress: Receives the number of images done and the stage.

    Raises:
        HilumError: A model does not score a finding, or does not support the method.
    """
    _check_findings(models, config.findings)
    notes = list(images.notes)
    readable = [name for name in images.manifest["image_id"] if all(store.has([name])[0] for store in stores)]
    if len(readable) < len(images.manifest):
        notes.append(note(Code.UNREADABLE_IMAGES, images=len(images.manifest) - len(readable)))
    manifest = images.manifest.filter(pl.col("image_id").is_in(readable))
    ids = manifest["image_id"].to_list()
    given = [
        probabilities(model, store, ids, on_progress)[:, [model.card.findings.index(each) for each in config.findings]]
        for model, store in zip(models, stores, strict=True)
    ]
    labels = _labels(manifest, config.findings)
    shown = _shown(ids, labels, given, config)
    cases = _cases(images, manifest, stores, config, notes)
    boxed = [(case.image_id, case.finding) for case in cases[0]]
    looked_at = [(row["image_id"], row["finding"]) for row in shown.iter_rows(named=True)]
    pairs = list(dict.fromkeys([*boxed, *looked_at]))
    maps = [
        maps_of_pairs(model, store, pairs, config.method, on_progress)
        for model, store in zip(models, stores, strict=True)
    ]
    row = {image_id: number for number, image_id in enumerate(ids)}
    at = [row[image_id] for image_id, _ in pairs], [config.findings.index(finding) for _, finding in pairs]
    scores = [each[at] for each in given]
    explained = Explained(
        config=config,
        models=models,
        shown=shown,
        pairs=pairs,
        maps=maps,
        scores=scores,
        labels=labels[at],
        boxes={(case.image_id, case.finding): case.boxes for case in cases[0]},
        notes=notes,
    )
    if not boxed:
        return explained
    statistics, table = score_models(models, stores, cases, maps, scores, config, on_progress)
    return replace(explained, statistics=statistics, cases=table)


def _cases(
    images: ExplainedImages, manifest: pl.DataFrame, stores: Sequence[Store], config: ExplainConfig, notes: list[Note]
) -> list[list[BoxedCase]]:
    """Return the same cases for every model, with the boxes in the coordinates of that model's images."""
    patients = dict(manifest.select("image_id", "patient_id").iter_rows())
    found = []
    for store in stores:
        placed, left_out = boxes_on_square(images.boxes, store.recipe)
        if left_out:
            notes.append(note(Code.BOXES_OUTSIDE_CROP, boxes=left_out))
        found.append(boxed_cases(placed, patients, config.findings))
    everywhere = set.intersection(*({(case.image_id, case.finding) for case in cases} for cases in found))
    return [[case for case in cases if (case.image_id, case.finding) in everywhere] for cases in found]


def _shown(
    ids: list[str], labels: NDArray[np.float64], given: Sequence[NDArray[np.float64]], config: ExplainConfig
) -> pl.DataFrame:
    rows = [
        (finding, rule, image_id)
        for number, finding in enumerate(config.findings)
        for rule, image_id in chosen_images(
            ids,
            labels[:, number],
            np.stack([each[:, number] for each in given]),
            count=config.images,
            seed=config.seed,
        )
    ]
    return pl.DataFrame(rows, {"finding": pl.String, "rule": pl.String, "image_id": pl.String}, orient="row")


def _labels(manifest: pl.DataFrame, findings: Sequence[str]) -> NDArray[np.float64]:
    """Return labels, (N, findings): 1, 0, or NaN for uncertain and not mentioned."""
    columns = [
        manifest[each].cast(pl.Float64).to_numpy() if each in manifest.columns else np.full(len(manifest), np.nan)
        for each in findings
    ]
    codes = np.stack(columns, axis=1)
    return np.where(codes < 0, np.nan, codes)


def _check_findings(models: Sequence[Model], findings: Sequence[str]) -> None:
    for model in models:
        missing = [finding for finding in findings if finding not in model.card.findings]
        if missing or not findings:
            raise HilumError(
                "--findings",
                expected=f"findings that {model.name} scores: {', '.join(model.card.findings)}",
                found=", ".join(missing) or "none",
                fix="Use some of these.",
            )

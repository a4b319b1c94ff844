"""Heat maps of classifiers and their scores against boxes: what `hilum explain` and `hilum.explain` do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_directory, write_text
from hilum.data.collections import Dataset
from hilum.data.preprocess import parse_recipe
from hilum.data.replaceable import check_replaceable
from hilum.data.store import Store, build_store
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.explanation.files import described, write_explained
from hilum.explanation.images import choose_images
from hilum.explanation.maps import load_models
from hilum.explanation.methods import HeatMapMethod
from hilum.explanation.run import Explained
from hilum.explanation.run import explain as explain_models
from hilum.explanation.settings import ExplainConfig
from hilum.progress import ShowProgress, quiet
from hilum.report.pages import SHEET, explain_page, gallery_sheet
from hilum.report.pages.explain import PAGE
from hilum.runs.inputs.data import DataSource, findings_from, read_data
from hilum.runs.inputs.models import model_directory
from hilum.runs.results import Result
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device

_LEFT = (
    "explain.html",
    "gallery.png",
    "heat_maps.parquet",
    "heat_maps_1.npy",
    "heat_maps_2.npy",
    "shown.parquet",
    "boxes.parquet",
    "box_scores.parquet",
    "box_statistics.parquet",
    "box_statistics.csv",
    "explain.json",
)


@dataclass(frozen=True, repr=False)
class ExplainResult(Result):
    """Heat maps, and how they agree with boxes.

    Attributes:
        directory: with explain.html, the maps and their scores.
        about: models, method, settings, notes.
        explained: maps, scores and tables.
    """

    directory: Path
    explained: Explained

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`shown` (finding, rule, image_id); and, where there are boxes, `statistics` and `cases`."""
        found = {"shown": self.explained.shown}
        if self.explained.statistics is not None and self.explained.cases is not None:
            found |= {"statistics": self.explained.statistics, "cases": self.explained.cases}
        return found

    @property
    def summary(self) -> list[str]:
        """Which maps of which models on how many images."""
        explained = self.explained
        images = len({image_id for image_id, _ in explained.pairs})
        return [
            f"{explained.config.method} of {', '.join(each.name for each in explained.models)} on {images:,} images"
        ]

    @property
    def page(self) -> Path:
        """explain.html."""
        return self.directory / PAGE

    def heat_map(self, image_id: str, finding: str, *, model: int = 0, side: int = 224) -> NDArray[np.float32]:
        """The map of one finding on one image.

        Args:
            image_id: of the image.
            finding: canonical.
            model: which of the models, from 0.
            side: of the map in px; it lies on the whole preprocessed image.

        Returns:
            (side, side), at least 0, not scaled.

        Raises:
            HilumError: no map of this finding was made on this image.
        """
        pairs = self.explained.pairs
        if (image_id, finding) not in pairs:
            here = ", ".join(f"{name} ({of})" for name, of in pairs[:3])
            raise HilumError(
                f"{image_id} ({finding})",
                expected=f"one of {len(pairs):,} pairs such as {here}",
                found="no map",
                fix="See the table `shown`, or explain with image_ids=[...].",
            )
        maps = self.explained.maps[model]
        one = replace(maps, maps=maps.maps[pairs.index((image_id, finding))])
        drawn: NDArray[np.float32] = one.on_image(side).numpy()
        return drawn


def explain(
    model: str | Path | Result,
    data: DataSource,
    out: str | Path,
    *,
    other: str | Path | Result | None = None,
    method: HeatMapMethod | str = "gradcam",
    findings: str | Sequence[str] | None = None,
    image_ids: Sequence[str] | None = None,
    images_per_finding: int = 1,
    boxes: bool = True,
    candidates: int = 300,
    split: str | None = None,
    include_training_patients: bool = False,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    hash_patients: str | None = None,
    map_threshold: float = 0.5,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    device: str = "auto",
    progress: ShowProgress = quiet,
) -> ExplainResult:
    """Draw heat maps of one or two classifiers, and score them against boxes where there are any.

    Args:
        model: a directory that fine-tuning wrote, or what `hilum.finetune` returned.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: directory for explain.html, the maps and their scores.
        other: one more model, on the same images.
        method: "gradcam", "gradcam++", "layercam", "occlusion"; for transformers also "rollout", "attention".
        findings: to explain; None: all that every model scores.
        image_ids: choose from these images alone; None: from all.
        images_per_finding: images to show for each finding and rule.
        boxes: score maps against the data set's boxes.
        candidates: images without boxes to choose from, by lot.
        split: only images of this published list; None: all.
        include_training_patients: also images of patients that a model has learnt from.
        labels: own images: the CSV with the labels.
        allow_missing: go on where tables name images whose file is not there.
        hash_patients: as in `hilum.runs.inputs.data.read_data`.
        map_threshold: fraction of a map's highest value from which on it counts as a box, 0 < map_threshold ≤ 1.
        n_bootstrap: bootstrap samples of patients.
        seed: of images, random weights and the bootstrap.
        device: "auto", "cpu" or "cuda".
        progress: shows each stage.

    Raises:
        HilumError: anything that is wrong with a model, the data or an option.

    Example:
        >>> import hilum
        >>> result = hilum.explain("runs/finetuned", {"ours": "images"}, "explained")  # doctest: +SKIP
        >>> result.heat_map("0042.png", "Cardiomegaly").shape  # doctest: +SKIP
        (224, 224)
    """
    out = Path(out)
    if not 0 < map_threshold <= 1:
        raise HilumError("--map-threshold", expected="above 0, at most 1", found=str(map_threshold), fix="Use 0.5.")
    check_replaceable(out, _LEFT)
    directories = [model_directory(each) for each in (model, other) if each is not None]
    models = load_models(directories, choose_device(cast(Device, device)))
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    collected = read.collected if image_ids is None else _only(read.collected, image_ids)
    named = findings_from(findings)
    scored = [each.card.findings for each in models]
    wanted = tuple(named if named is not None else (f for f in scored[0] if all(f in others for others in scored)))
    chosen = choose_images(
        collected,
        read.issuer,
        [each.card for each in models],
        wanted,
        most=candidates,
        seed=seed,
        split=split,
        include_training_patients=include_training_patients,
        boxes=boxes,
    )
    config = ExplainConfig(cast(HeatMapMethod, method), wanted, images_per_finding, map_threshold, n_bootstrap, seed)
    with TemporaryDirectory(prefix="hilum-") as folder, whole_directory(out) as beside:
        stores: list[Store] = []
        for number, each in enumerate(models):
            recipe = parse_recipe(each.card.preprocessing)
            same = [store for store in stores if store.recipe == recipe]
            with progress(f"reading images for {each.name}") as on_progress:
                at = Path(folder) / str(number)
                stores += same[:1] or [
                    build_store(chosen.manifest, collected.root, recipe, at, on_progress=on_progress)
                ]
        with progress("explaining") as on_progress:
            explained = explain_models(models, stores, chosen, config, on_progress)
        write_explained(explained, beside)
        _write_page(explained, stores, beside)
    return ExplainResult(out, described(explained), explained)


def _only(collected: Dataset, image_ids: Sequence[str]) -> Dataset:
    """A data set of some images."""
    manifest = collected.manifest.filter(pl.col("image_id").is_in(list(image_ids)))
    unknown = sorted(set(image_ids) - set(manifest["image_id"]))
    if unknown:
        raise HilumError(
            "image_ids", expected="images of the data set", found=", ".join(unknown[:3]), fix="Check the ids."
        )
    return replace(collected, manifest=manifest)


def _write_page(explained: Explained, stores: Sequence[Store], directory: Path) -> None:
    sheet = gallery_sheet(explained, stores)
    if sheet is not None:
        cv2.imwrite(str(directory / SHEET), sheet)
    write_text(directory / PAGE, explain_page(explained, stores))

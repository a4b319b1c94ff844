"""Heat maps of classifiers and their localisation scores: `hilum.explain` and `hilum explain`."""

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
from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.explanation.files import described, write_explained
from hilum.explanation.images import choose_images
from hilum.explanation.maps import load_models
from hilum.explanation.methods import HeatMapMethod
from hilum.explanation.run import Explained, explain as explain_models
from hilum.explanation.settings import ExplainConfig
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.pages import SHEET, explain_page, gallery_sheet
from hilum.report.pages.explain import PAGE
from hilum.runs.inputs.data import DataSource, findings_from, read_data
from hilum.runs.inputs.models import model_directory
from hilum.runs.results import Result
from hilum.training.distributed.device import choose_device
from hilum.training.settings import Device
from hilum.wording import counted

_OUTPUTS = (
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
    """Heat maps and their agreement with boxes.

    Attributes:
        directory: Directory with explain.html, the maps and their scores.
        about: Models, method, settings, notes.
        explained: Maps, scores and tables.
    """

    directory: Path
    explained: Explained

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`shown` (finding, rule, image_id); with boxes also `statistics` and `cases`."""
        found = {"shown": self.explained.shown}
        if self.explained.statistics is not None and self.explained.cases is not None:
            found |= {"statistics": self.explained.statistics, "cases": self.explained.cases}
        return found

    @property
    def summary(self) -> list[str]:
        """Method, models and number of images."""
        explained = self.explained
        images = len({image_id for image_id, _ in explained.pairs})
        return [
            f"{explained.config.method} of {', '.join(each.name for each in explained.models)} on {counted(images)}"
        ]

    @property
    def page(self) -> Path:
        """Path of explain.html."""
        return self.directory / PAGE

    def heat_map(self, image_id: str, finding: str, *, model: int = 0, side: int = 224) -> NDArray[np.float32]:
        """Return the heat map of a finding on an image.

        Args:
            image_id: Id of the image.
            finding: Canonical name of the finding.
            model: Index of the model, from 0.
            side: Side of the map in pixels; it covers the whole preprocessed image.

        Returns:
            (side, side), at least 0, not scaled.

        Raises:
            HilumError: There is no map of this finding on this image.
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


@checked_arguments
def explain(
    model: str | Path | Result,
    data: DataSource,
    out: str | Path,
    *,
    compare_with: str | Path | Result | None = None,
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
    """Compute heat maps of one or two classifiers, and score them against boxes if the data set has any.

    Args:
        model: Directory of a classifier, or result of `hilum.finetune`.
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: Directory to write explain.html, the maps and their scores to.
        compare_with: Second model, explained on the same images.
        method: "gradcam", "gradcam++", "layercam", "occlusion"; for transformers also "rollout", "attention".
        findings: Findings to explain; None: all that every model scores.
        image_ids: Images to select from; None: all.
        images_per_finding: Number of images to show for each finding and selection rule.
        boxes: Score maps against the boxes of the data set.
        candidates: Number of images without boxes, drawn at random, to select from.
        split: Part of the published split to use; None: all images.
        include_training_patients: Include images of patients a model was trained on.
        labels: CSV file of labels, for own images.
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: As in `hilum.runs.inputs.data.read_data`.
        map_threshold: Fraction of a map's maximum above which pixels form a box, 0 < map_threshold ≤ 1.
        n_bootstrap: Number of bootstrap resamples of patients.
        seed: Random seed of the images, the random weights and the bootstrap.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of each stage.

    Raises:
        HilumError: A wrong model, data set or option.

    Example:
        >>> import hilum
        >>> result = hilum.explain("runs/finetuned", {"ours": "images"}, "explained")  # doctest: +SKIP
        >>> result.heat_map("0042.png", "Cardiomegaly").shape  # doctest: +SKIP
        (224, 224)
    """
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap, seed=seed)
    out = Path(out)
    if not 0 < map_threshold <= 1:
        raise HilumError("--map-threshold", expected="above 0, at most 1", found=str(map_threshold), fix="Use 0.5.")
    check_replaceable(out, _OUTPUTS)
    directories = [model_directory(each) for each in (model, compare_with) if each is not None]
    models = load_models(directories, choose_device(cast(Device, device)))
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    dataset = read.dataset if image_ids is None else _only(read.dataset, image_ids)
    named = findings_from(findings)
    scored = [each.card.findings for each in models]
    wanted = tuple(named if named is not None else (f for f in scored[0] if all(f in others for others in scored)))
    chosen = choose_images(
        dataset,
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
                stores += same[:1] or [build_store(chosen.manifest, dataset.root, recipe, at, on_progress=on_progress)]
        with progress("explaining") as on_progress:
            explained = explain_models(models, stores, chosen, config, on_progress)
        write_explained(explained, beside)
        _write_page(explained, stores, beside)
    return ExplainResult(out, described(explained), explained)


def _only(dataset: Dataset, image_ids: Sequence[str]) -> Dataset:
    """Restrict a data set to some images."""
    manifest = dataset.manifest.filter(pl.col("image_id").is_in(list(image_ids)))
    unknown = sorted(set(image_ids) - set(manifest["image_id"]))
    if unknown:
        raise HilumError(
            "image_ids", expected="images of the data set", found=", ".join(unknown[:3]), fix="Check the ids."
        )
    return replace(dataset, manifest=manifest)


def _write_page(explained: Explained, stores: Sequence[Store], directory: Path) -> None:
    sheet = gallery_sheet(explained, stores)
    if sheet is not None:
        cv2.imwrite(str(directory / SHEET), sheet)
    write_text(directory / PAGE, explain_page(explained, stores))

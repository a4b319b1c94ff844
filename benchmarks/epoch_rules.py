"""What rules for keeping an epoch cost or gain, on patients without a part in the choice.

    python benchmarks/epoch_rules.py [--data FOLDER] [--seeds 2] [--quick] [--out F.json]

Grounds: generated radiographs; with --data also `chestxray14_tiny64` and `chestxray14_sample` of that folder, in
ChestX-ray14's layout. All at 32 px, each divided by patient into half to learn from (and to fit probes to), a fifth to
choose the epoch by, and the rest to judge.

Pretraining, ResNet-18, every method and seed: after every second epoch probes are fitted to the images that
are learnt from. They are scored on the choosing patients, whose numbers the rules read, and on the judging patients,
whose macro AUROC is what a rule is worth. Fine-tuning, ResNet-18 from random weights, every ground and seed: the
same with the validation loss and AUROC of each epoch.

A row of the tables is a rule: mean difference from the last epoch over all runs with its 95 % interval (t over runs),
how often it is better and worse, and the worst run.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.preprocessing import StandardScaler
from torch import nn

from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.probe import mean_auroc, neighbour_probe, regression_scores
from hilum.encoders.zoo import create_encoder
from hilum.evaluation.inference import auroc_covariance
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.finetune import build_classifier
from hilum.finetuning.settings import FinetuneSettings
from hilum.phantom import write_layout
from hilum.pretext.monitoring import OnlineProbe, ProbedImages
from hilum.pretext.monitoring.probe import PENALTY
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings
from hilum.training.callbacks import Probing
from hilum.training.fit import fit
from hilum.training.precision import choose_precision

SIDE = 32
MIN_PATIENTS = 5
"""Positive and negative ones that a finding needs on every side to count."""
METHODS: dict[str, dict[str, Any]] = {
    "simclr": {},
    "mocov2": {},
    "swav": {"local_crops": 2},
    "dino": {"local_crops": 2},
}
"""With settings of their own that make them cheap."""
EPOCHS, LOOKS = 16, 8
FINETUNE_EPOCHS = 12
WINDOW = 3
"""Probes that are averaged."""
ALARM = 2.0
"""Standard errors below the best probe at which the last one rings."""

CPU = torch.device("cpu")
PRECISION = choose_precision("auto", CPU)

Numbers = Mapping[str, NDArray[np.float64]]
Rule = Callable[[Numbers], int]


@dataclass(frozen=True)
class Ground:
    """Images of one source.

    Attributes:
        store: pixels of all.
        learn, choose, judge: images of three groups of patients.
        findings: that enough patients have in each.
    """

    store: Store
    learn: LabelledImages
    choose: LabelledImages
    judge: LabelledImages
    findings: list[str]


@dataclass(frozen=True)
class Recorder(OnlineProbe):
    """A probe that also reads the judging patients, and chooses nothing."""

    judge: LabelledImages | None = None
    rows: list[dict[str, float]] = field(default_factory=list)

    def compute(self, encoder: nn.Module, size: int) -> dict[str, float]:
        """Numbers of both groups, kept in `rows`; the library's own for the curves."""
        assert self.judge is not None
        parts = (self.images.train, self.images.val, self.judge)
        features = [self._features(encoder, part.image_ids, size) for part in parts]
        scaler = StandardScaler().fit(features[0])
        fitted, *scored = (scaler.transform(each) for each in features)
        row: dict[str, float] = {}
        for name, part, scaled, plain in zip(("choose", "judge"), parts[1:], scored, features[1:], strict=True):
            linear = regression_scores(fitted, parts[0].targets, scaled, PENALTY)
            near = neighbour_probe((features[0], parts[0].targets), plain)
            row[f"{name}_linear"] = mean_auroc(linear, part.targets)
            row[f"{name}_neighbours"] = mean_auroc(near, part.targets)
            row[f"{name}_error"] = error_of_mean(np.stack([linear, near]), part)
        self.rows.append(row)
        both = row["choose_linear"], row["choose_neighbours"]
        return {"probe_linear": both[0], "probe_neighbours": both[1], "probe_auroc": sum(both) / 2, "probe_error": 0.0}


def error_of_mean(layers: NDArray[np.float64], images: LabelledImages) -> float:
    """Standard error, over patients, of the mean of several models' macro AUROC."""
    owners = np.unique(images.patient_ids, return_inverse=True)[1].astype(np.int32)
    every = np.ones(images.targets.shape[1], dtype=bool)
    known = auroc_covariance(images.targets.astype(np.float64), layers, owners, mean_over=every, threads=1)
    return float(np.sqrt(known.covariance[-1].mean()))


def last(numbers: Numbers) -> int:
    return len(numbers["quality"]) - 1


def best(numbers: Numbers) -> int:
    return int(np.argmax(numbers["quality"]))


def within_error(numbers: Numbers) -> int:
    """The latest that is not more than one standard error below the best (Breiman et al. 1984, 3.4.3)."""
    quality, top = numbers["quality"], best(numbers)
    return int(np.flatnonzero(quality >= quality[top] - numbers["error"][top])[-1])


def smoothed(numbers: Numbers) -> int:
    """The last of the `WINDOW` consecutive probes with the highest mean."""
    quality = numbers["quality"]
    return int(np.argmax(np.convolve(quality, np.ones(WINDOW) / WINDOW, mode="valid"))) + WINDOW - 1


def alarm(numbers: Numbers) -> int:
    """The last, unless its probe is far below the best; then the best."""
    quality, top = numbers["quality"], best(numbers)
    return last(numbers) if quality[-1] >= quality[top] - ALARM * numbers["error"][top] else top


def lowest_loss(numbers: Numbers) -> int:
    return int(np.argmin(numbers["loss"]))


OF_PRETRAINING: dict[str, Rule] = {
    "last": last,
    "best": best,
    "within_error": within_error,
    "smoothed": smoothed,
    "alarm": alarm,
}
OF_FINETUNING: dict[str, Rule] = {
    "last": last,
    "lowest": lowest_loss,
    "best_auroc": best,
    "within_error": within_error,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="Folder with the two small samples of ChestX-ray14.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--images", type=int, default=700, help="Generated ones.")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--quick", action="store_true", help="One method, one seed, few images and epochs.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    epochs, finetune_epochs = EPOCHS, FINETUNE_EPOCHS
    if chosen.quick:
        chosen.seeds, chosen.images, chosen.methods, epochs, finetune_epochs = 1, 120, ["simclr"], 4, 2
    torch.set_num_threads(1)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        grounds = {
            name: open_ground(root, 2 if chosen.quick else MIN_PATIENTS)
            for name, root in roots(chosen.data, chosen.images, Path(scratch))
        }
        for seed in range(chosen.seeds):
            for name, ground in grounds.items():
                place = Path(scratch) / f"{name}-{seed}"
                for method in chosen.methods:
                    runs += pretrainings(ground, name, method, seed, epochs, place / method)
                runs += finetunings(ground, name, seed, finetune_epochs, place / "finetuning")
                sys.stderr.write(f"{name}, seed {seed}: done\n")
                if chosen.out:
                    chosen.out.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(tables(runs))


def roots(data: Path | None, images: int, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Names and folders of the grounds."""
    write_layout("chestxray14", scratch / "generated", images=images, size=SIDE, seed=0)
    yield "generated", scratch / "generated"
    if data is not None:
        yield "tiny64", data / "chestxray14_tiny64"
        yield "sample", data / "chestxray14_sample"


def open_ground(root: Path, least: int) -> Ground:
    """Read and divide the images of a folder."""
    table = pl.read_csv(next(root.glob("Data_Entry*.csv")), infer_schema=False)
    ids, expected = table["Image Index"].to_list(), table["Finding Labels"].to_list()
    patients = np.array(table["Patient ID"].to_list())
    paths = {path.name: path for path in root.rglob("*.png")}
    shown = [np.asarray(cv2.imread(str(paths[one]), cv2.IMREAD_GRAYSCALE)) for one in ids]
    small = [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in shown]
    pixels = np.stack(small).astype(np.uint8)
    every = sorted({finding for one in expected for finding in one.split("|")} - {"No Finding"})
    labels = np.array([[finding in one.split("|") for finding in every] for one in expected], dtype=np.float32)
    order = np.random.default_rng(0).permutation(np.unique(patients))
    groups = np.split(order, [len(order) // 2, 7 * len(order) // 10])
    places = [np.flatnonzero(np.isin(patients, group)) for group in groups]
    enough = [
        column
        for column in range(len(every))
        if all(
            len(np.unique(patients[rows][labels[rows, column] == value])) >= least
            for rows in places
            for value in (0, 1)
        )
    ]
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    store = Store(root, pixels, ids, rejected, parse_recipe([{"square": "pad"}, {"resize": SIDE}]))
    learn, choose, judge = [
        LabelledImages([ids[row] for row in rows], list(patients[rows]), labels[rows][:, enough]) for rows in places
    ]
    return Ground(store, learn, choose, judge, findings=[every[column] for column in enough])


def pretrainings(
    ground: Ground, name: str, method: str, seed: int, epochs: int, directory: Path
) -> list[dict[str, Any]]:
    """What every rule keeps of one run, judged by both probes."""
    probed = ProbedImages(ground.findings, ground.learn, ground.choose, [], decides=False)
    recorder = Recorder(ground.store, probed, judge=ground.judge)
    pretrain(
        method,
        ground.store,
        ground.learn.image_ids,
        ground.learn.patient_ids,
        encoder="resnet18",
        settings=PretextSettings(
            epochs=epochs, batch_size=32, probe_every=max(1, epochs // LOOKS), options=METHODS[method]
        ),
        seed=seed,
        directory=directory,
        split_title=name,
        probe=recorder,
    )
    table = {key: np.array([row[key] for row in recorder.rows[1:]]) for key in recorder.rows[0]}
    numbers = {"quality": (table["choose_linear"] + table["choose_neighbours"]) / 2, "error": table["choose_error"]}
    judged = {probe: table[f"judge_{probe}"] for probe in ("linear", "neighbours")}
    about = {"kind": "pretraining", "ground": name, "method": method, "seed": seed}
    return [about | selected(numbers, judged, OF_PRETRAINING) | {"numbers": {k: v.tolist() for k, v in table.items()}}]


def selected(
    numbers: Numbers, judged: Mapping[str, NDArray[np.float64]], rules: Mapping[str, Rule]
) -> dict[str, dict[str, float]]:
    """For every rule the look that it keeps, counted from 1, and what that is worth."""
    chosen = {name: rule(numbers) for name, rule in rules.items()}
    return {
        name: {"look": look + 1, **{measure: float(values[look]) for measure, values in judged.items()}}
        for name, look in chosen.items()
    }


def finetunings(ground: Ground, name: str, seed: int, epochs: int, directory: Path) -> list[dict[str, Any]]:
    """The same of trainings with labels, whole network from random weights, with all labels and with a third."""
    rows = []
    for share in (1, 3):
        learn = ground.learn.only(set(ground.learn.image_ids[::share]))
        table = trained_epochs(ground, learn, seed, epochs, directory.with_name(f"{directory.name}-{share}"))
        numbers = {"quality": table["auroc"], "loss": table["loss"], "error": table["error"]}
        about = {"kind": "finetuning", "ground": name, "method": f"1/{share} of the labels", "seed": seed}
        rows.append(about | selected(numbers, {"auroc": table["judged"]}, OF_FINETUNING))
    return rows


def trained_epochs(
    ground: Ground, learn: LabelledImages, seed: int, epochs: int, directory: Path
) -> dict[str, NDArray[np.float64]]:
    """Validation loss and AUROC with its error, and the judging patients' AUROC, after each epoch."""
    settings = FinetuneSettings(epochs=epochs, lr=1e-3, patience=None, keep="last")
    loader = BatchLoader(ground.store, size=SIDE, batch_size=32, seed=seed, workers=1, device=CPU, precision=PRECISION)
    classifier = build_classifier(create_encoder("resnet18", seed=seed), learn, settings, loader)
    rows: list[tuple[float, float, float]] = []

    def look(selected: nn.Module) -> dict[str, float]:
        trains = selected.training
        selected.eval()
        chosen, judged = (
            loader.outputs(classifier, part.image_ids, "scoring").double().cpu().numpy()
            for part in (ground.choose, ground.judge)
        )
        selected.train(trains)
        error = error_of_mean(chosen[None], ground.choose)
        rows.append((mean_auroc(chosen, ground.choose.targets), error, mean_auroc(judged, ground.judge.targets)))
        return {"auroc": rows[-1][0]}

    directory.mkdir(parents=True)
    run = fit(
        classifier,
        loader.training(learn),
        validation=loader.plain(ground.choose.image_ids, ground.choose.targets),
        probing=Probing(evaluate=look, names=("auroc",), quality="auroc", every=1),
        settings=settings.training(seed, len(learn.image_ids)),
        directory=directory,
    )
    auroc, error, judged = np.array(rows[1:]).T  # the first is before training
    return {"auroc": auroc, "error": error, "judged": judged, "loss": run.curves["val_loss"].to_numpy()}


def tables(runs: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: rules of pretraining by either probe, all grounds and each; then those of fine-tuning."""
    lines: list[str] = []
    for kind, rules, measures in (
        ("pretraining", OF_PRETRAINING, ("linear", "neighbours")),
        ("finetuning", OF_FINETUNING, ("auroc",)),
    ):
        of_kind = [run for run in runs if run["kind"] == kind]
        lines += [f"\n{kind}: {len(of_kind)} runs\n"]
        lines += [
            "| rule | judged by | ground | runs | AUROC of last | − last (95 %) | better / worse | worst run | look |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for measure in measures:
            for rule in rules:
                if rule == "last":
                    continue
                for ground in ("all", *dict.fromkeys(run["ground"] for run in of_kind)):
                    some = [run for run in of_kind if ground in ("all", run["ground"])]
                    lines.append(_row(rule, measure, ground, some))
    return "\n".join(lines) + "\n"


def _row(rule: str, measure: str, ground: str, runs: Sequence[Mapping[str, Any]]) -> str:
    of_last = np.array([run["last"][measure] for run in runs])
    gains = np.array([run[rule][measure] for run in runs]) - of_last
    half = 0.0
    if len(gains) > 1:
        half = float(student.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains)))
    mean, looks = gains.mean(), np.mean([run[rule]["look"] for run in runs])
    return (
        f"| {rule} | {measure} | {ground} | {len(runs)} | {of_last.mean():.3f} "
        f"| {mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f}) | {(gains > 0).sum()} / {(gains < 0).sum()} "
        f"| {gains.min():+.3f} | {looks:.1f} |"
    )


if __name__ == "__main__":
    main()

"""Export to the layout of the Hugging Face Hub: README.md with metadata and results, config.json, and weights."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from hilum.artifacts import whole_directory, write_json, write_text
from hilum.data.replaceable import check_replaceable
from hilum.errors import HilumError
from hilum.prediction.description import Measured, ModelDescription
from hilum.prediction.loading import PackagedClassifier


def write_hugging_face(model: PackagedClassifier, directory: Path) -> Path:
    """Write the folder, complete or not at all; `hilum.load_classifier` reads it like a model directory.

    Args:
        model: A single classifier.
        directory: Folder to write.

    Raises:
        HilumError: An ensemble.
    """
    if len(model.classifiers) > 1:
        fix = "Export one seed."
        raise HilumError(model.directory, expected="a single classifier", found="an ensemble", fix=fix)
    copied = model.reference_directory.parent
    check_replaceable(directory, {"config.json", "README.md", *(path.name for path in copied.iterdir())})
    with whole_directory(directory) as beside:
        shutil.copytree(copied, beside, dirs_exist_ok=True)
        write_json(beside / "config.json", _config(model))
        write_text(beside / "README.md", model_card(model))
    return directory


def model_card(model: PackagedClassifier) -> str:
    """Write README.md: YAML metadata with results, description of the model, its training patients, and usage."""
    described, card = model.description, model.cards[0]
    metadata = {
        "library_name": "hilum",
        "pipeline_tag": "image-classification",
        "tags": ["chest radiograph", "medical imaging", card.encoder],
        "model-index": [{"name": described.name, "results": _results(described)}],
    }
    findings = "\n".join(
        f"| {each.name} | {', '.join(f'{code.scheme} {code.code}' for code in each.codes) or '–'} | "
        f"{_threshold(each.threshold)} | {_interval(described, each.name)} |"
        for each in described.findings
    )
    overall = next((each for each in described.measured if each.metric == "auroc"), None)
    return f"""---
{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---

# {described.name}

{card.encoder}, fine-tuned on {described.n_training_images:,} images ({described.trained_on}). A research tool, not a
medical device: not for diagnosis.

AUROC {_number(overall) if overall else "not measured"} ({overall.finding if overall else ""}; {described.measured_on};
95 % intervals from {described.n_bootstrap:,} resamples of patients).

| finding | codes | threshold | AUROC |
|---|---|---|---|
{findings}

Thresholds: {described.threshold_rule}, {described.thresholds_chosen_on}. Calibration: {described.calibration_method},
{described.calibrated_on}. Input: one-channel images of {model.image_size} px after `{model.recipe.as_data()}`.

```python
import hilum

classifier = hilum.load_classifier("DIRECTORY")
probabilities = classifier(classifier.preprocess("image.dcm"))[0]
dict(zip(classifier.findings, probabilities.tolist()))
```

`card.json` lists the {len(card.training_patients):,} training patients by pseudonyms. The licences of the training
images and of the initial weights also apply to this model.
"""


def _config(model: PackagedClassifier) -> dict[str, Any]:
    labels = dict(enumerate(model.findings))
    return {
        "model_type": "hilum",
        "architecture": model.cards[0].encoder,
        "problem_type": "multi_label_classification",
        "num_channels": 1,
        "image_size": model.image_size,
        "image_mean": [model.cards[0].mean],
        "image_std": [model.cards[0].std],
        "preprocessing": model.recipe.as_data(),
        "id2label": {str(place): finding for place, finding in labels.items()},
        "label2id": {finding: place for place, finding in labels.items()},
        "thresholds": model.thresholds,
    }


def _results(described: ModelDescription) -> list[dict[str, Any]]:
    """Return results in the format of the Hub: a task, a data set, and its metrics."""
    metrics = [
        {
            "type": each.metric,
            "name": f"{each.metric}, {each.finding}",
            "value": each.estimate,
            "ci_low": each.ci_low,
            "ci_high": each.ci_high,
        }
        for each in described.measured
        if each.estimate is not None
    ]
    data = {"name": described.measured_on, "type": "chest-radiographs", "split": "test"}
    return [{"task": {"type": "image-classification"}, "dataset": data, "metrics": metrics}]


def _interval(described: ModelDescription, finding: str) -> str:
    found = [each for each in described.measured if each.finding == finding and each.metric == "auroc"]
    return _number(found[0]) if found else "–"


def _number(measured: Measured) -> str:
    if measured.estimate is None or measured.ci_low is None or measured.ci_high is None:
        return "–"
    return f"{measured.estimate:.3f} ({measured.ci_low:.3f} to {measured.ci_high:.3f})"


def _threshold(threshold: float | None) -> str:
    return "–" if threshold is None else f"{threshold:.3f}"

"""Export of a model to a file: the exported network, and its comparison with the original."""

import importlib.util
import json
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.artifacts import whole_file, write_json
from hilum.encoders.positions import ANTIALIASED, resize_positions
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.output_types import Multiclass
from hilum.prediction.export.hugging_face import write_hugging_face
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.self_test import reference_images

TOLERANCE = 1e-4
"""Tolerance of a probability."""
_RUNS = 7

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
FORMATS = ("onnx", "torch", "huggingface")
_NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True)
class Parity:
    """Comparison of an exported model with the original.

    Attributes:
        difference: Largest difference of a probability.
        images: Number of compared images, in batches of one and of all.
        milliseconds, milliseconds_torch: Time per image of the exported and the original model, median of several runs
            on this machine's CPU.
    """

    difference: float
    images: int
    milliseconds: float
    milliseconds_torch: float


def check_parity(original: Run, exported: Run, images: NDArray[np.float32], where: object) -> Parity:
    """Compare two models.

    Args:
        original, exported: Functions from images (B, 1, S, S) in [0, 1] to probabilities (B, F).
        images: At least two images, (N, 1, S, S).
        where: Name of the export, for the error.

    Raises:
        HilumError: A probability differs by more than `TOLERANCE`.
    """
    wanted = original(images)
    found = exported(images)
    one_by_one = np.concatenate([exported(image[None]) for image in images])
    difference = float(max(np.abs(found - wanted).max(), np.abs(one_by_one - wanted).max()))
    if not difference <= TOLERANCE:
        raise HilumError(
            where,
            expected=f"the probabilities of the original, within {TOLERANCE:g}",
            found=f"a difference of {difference:.2g} on {len(images)} images",
            fix="Choose another format; nothing was written.",
        )
    return Parity(difference, len(images), _latency(exported, images[:1]), _latency(original, images[:1]))


def _latency(run: Run, image: NDArray[np.float32]) -> float:
    run(image)
    seconds = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        run(image)
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)


class Scorer(nn.Module):
    """Probabilities of one classifier, or their mean over several.

    Args:
        model: Model whose network is copied to the CPU, in float32.
    """

    def __init__(self, model: PackagedClassifier) -> None:
        super().__init__()
        copies = [deepcopy(each).cpu().to(memory_format=torch.contiguous_format).eval() for each in model.classifiers]
        for copy in copies:
            bake_positions(copy, model.image_size)
            copy.requires_grad_(False)
        self.members = nn.ModuleList(copies)
        self.multiclass = isinstance(copies[0].output_type, Multiclass)

    def forward(self, images: Tensor) -> Tensor:
        """Compute probabilities (B, F) of images (B, 1, S, S) in [0, 1]."""
        parts = []
        for member in self.members:
            logits = member(images)
            parts.append(logits.softmax(1) if self.multiclass else logits.sigmoid())
        return parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)


def bake_positions(classifier: Classifier, size: int) -> None:
    """Resize learned position embeddings in place to the patch grid of images of a size.

    ONNX has no operator for bicubic resizing with antialiasing, so runtimes would differ by more than rounding.

    Args:
        classifier: Classifier whose encoder may have position embeddings.
        size: Side of the images in pixels.
    """
    body: Any = classifier.encoder.body
    positions: Any = getattr(body, "pos_embed", None)
    patches: Any = getattr(body, "patch_embed", None)
    if not isinstance(positions, nn.Parameter) or getattr(patches, "grid_size", None) is None:
        return
    grid = classifier.encoder.patch_grid(size)
    before = tuple(patches.grid_size)
    if grid == before:
        return
    prefix = 0 if body.no_embed_class else body.num_prefix_tokens
    rule = classifier.encoder.interpolation or ANTIALIASED
    with torch.no_grad():
        baked = resize_positions(positions, before, grid, prefix, rule)
    body.pos_embed = nn.Parameter(baked, requires_grad=False)
    patches.grid_size = grid


_INPUT, _OUTPUT = "image", "probability"


@dataclass(frozen=True)
class Exported:
    """Exported model.

    Attributes:
        path: File or folder.
        parity: Comparison with the original; None for a folder, which contains the original weights.
    """

    path: Path
    parity: Parity | None


def export_model(model: PackagedClassifier, kind: str, out: Path, images: NDArray[np.uint8] | None = None) -> Exported:
    """Export a model.

    `onnx` and `torch` take preprocessed images (B, 1, S, S), gray / 255, and return probabilities (B, F); normalisation
    and position embeddings (for this size S) are included. OUT.json beside the file contains findings, thresholds,
    calibration, preprocessing, metrics, parity and latency; an ONNX file has the same metadata. `huggingface` is a
    folder, which `hilum.load_classifier` reads as well.

    Args:
        model: Loaded model.
        kind: One of `FORMATS`.
        out: File or folder to write.
        images: Preprocessed images (N, S, S) to compare outputs on, in addition to the reference radiographs.

    Raises:
        HilumError: An unknown format, a missing library, or outputs that differ from the original.
    """
    if kind not in FORMATS:
        raise HilumError("--format", expected=", ".join(FORMATS), found=kind, fix="Use one of these.")
    if kind == "huggingface":
        return Exported(write_hugging_face(model, out), None)
    if kind == "onnx":
        _require_onnx()
    scorer = Scorer(model)
    tried = reference_images(model.reference_directory, model.preprocess)
    if images is not None:
        tried = np.concatenate([tried, images])
    views = model.views(tried).cpu()
    original = _original(model)
    with whole_file(out) as beside:
        exported = _write_onnx(scorer, views, beside) if kind == "onnx" else _write_torch(scorer, views, beside)
        parity = check_parity(original, exported, views.numpy(), out)
        described = _described(model, parity)
        if kind == "onnx":
            _add_metadata(beside, described)
    write_json(out.with_name(f"{out.name}.json"), described)
    return Exported(out, parity)


def _original(model: PackagedClassifier) -> Run:
    """Return the original model as a function, in float32."""
    from hilum.prediction.loading import probabilities_of

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            views = torch.from_numpy(images).to(model.device)
            parts = [probabilities_of(each, views) for each in model.classifiers]
        return np.asarray(torch.stack(parts).mean(0).cpu().numpy(), dtype=np.float32)

    return run


def _program(scorer: Scorer, views: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        scorer(views[:2])  # values computed at the first call become constants
        return torch.export.export(scorer, (views[:2],), dynamic_shapes=({0: batch},), strict=False)


def _write_onnx(scorer: Scorer, views: torch.Tensor, path: Path) -> Run:
    import onnxruntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _program(scorer, views), input_names=[_INPUT], output_names=[_OUTPUT], dynamo=True, verbose=False
        )
        assert program is not None
        program.save(str(path), external_data=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda images: np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0], dtype=np.float32)


def _write_torch(scorer: Scorer, views: torch.Tensor, path: Path) -> Run:
    with path.open("wb") as stream:
        torch.export.save(_program(scorer, views), stream)
    with path.open("rb") as written:
        module = torch.export.load(written).module()

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(images)).numpy(), dtype=np.float32)

    return run


def _described(model: PackagedClassifier, parity: Parity) -> dict[str, Any]:
    description = model.description.model_dump(mode="json")
    return {
        "hilum": {**description, "training_range": {**description["training_range"], "typical": []}},
        "preprocessing": model.recipe.as_data(),
        "input": f"(B, 1, {model.image_size}, {model.image_size}), gray / 255, after the preprocessing",
        "output": "(B, findings), probabilities, not calibrated",
        "image_size": model.image_size,
        "findings": model.findings,
        "thresholds": model.thresholds,
        "weights_sha256": [card.sha256 for card in model.cards],
        "parity": asdict(parity),
    }


def _add_metadata(path: Path, described: dict[str, Any]) -> None:
    import onnx

    content = onnx.load(str(path))
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in described.items()}
    onnx.helper.set_model_props(content, words)
    onnx.checker.check_model(content)
    onnx.save(content, str(path))


def _require_onnx() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        fix = "Install them: pip install 'hilum[export]'."
        raise HilumError("--format onnx", expected=", ".join(_NEEDED), found=f"no {', '.join(missing)}", fix=fix)

"""Study files with mistakes in them, by seed: what people, editors and scripts do to YAML."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hilum.study.file import Yaml12Loader

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "studies").glob("*.yaml"))

EVERYTHING = """\
question: Every key that there is
data:
  ours: {collection: folder, labels: labels.csv, issuer: hospital, only: [Effusion, Mass]}
  more: {collection: folder, generate: {images: 10, size: 64, seed: 1}}
  chestxray14: {collection: chestxray14, release: "2020"}
  mimic: {collection: mimic_cxr_jpg, labeller: chexpert}
  both: {pool: [ours, more]}
preprocess: [{window: header}, {square: pad}, {resize: 224}, {percentiles: [1, 99]}, {clahe: {clip: 2, tiles: 8}}]
task:
  on: ours
  findings: [Effusion, Mass]
  classes: multiclass
  uncertain: {Effusion: one, otherwise: zero}
  not_mentioned: {Mass: ignore}
  consensus: majority
  severity_threshold: {Mass: 2}
  other: [Nodule]
  images: {views: [PA, AP], any_of: [Effusion], exactly_one_of: [Effusion, Mass], contrast: {positive: Mass, negative: No Finding, both: drop, neither: negative}}
  split: {lists: official, validation: 0.1, seed: 3}
  label_fraction: 0.1
  unit: study
  study_score: max
starts:
  labels: {encoder: resnet18, supervise: {on: more, findings: shared, validation: 0.2}, start: {pretrain: simclr, on: more}, finetune: {lr: 1e-4}}
  ssl: {encoder: resnet18, pretrain: simclr, on: [ours, more], start: imagenet}
  imagenet: {encoder: resnet18, weights: imagenet1k}
  chain: {encoder: resnet18, pretrain: mocov2, on: ours, start: labels}
arms:
  labels: {start: labels}
  scratch: {encoder: resnet18}
  ssl:
    encoder: vit_tiny_patch16_224
    init: {pretrain: dinov2, on: {ours: 1, more: 0.25}, start: imagenet1k, epochs: 3, lr: 1e-3, augmentation: {like: simclr, flip: 0}, second_augmentation: none, local_augmentation: local, settings: {koleo_weight: 0.1, mask_ratio: [0.1, 0.5]}}
    finetune: {unfreeze: 2, lr: 1e-4, size: 224, augmentation: {crop_area: [0.5, 1]}, head: mlp, pooling: cls, dropout: 0.1}
  moco: {encoder: resnet50, init: {pretrain: mocov2, on: [ours, more], settings: {queue: 100}}}
  named: {encoder: densenet121, init: imagenet1k, finetune: {unfreeze: all}, sweep: {over: {encoder: [densenet121, resnet18], size: [64, 224]}, storage: trials.db}}
  chain: {start: chain}
  elsewhere: {features: {table: {ours: x.parquet, more: y.npy}, head: knn, missing: leave_out, trained_on: [padchest]}}
pretrain: {preset: 1k, epochs: 10, batch_size: 64, optimizer: adamw, lr: 1e-3, layer_decay: 0.9, weight_decay: 0.05, weight_decay_end: 0.2, warmup_epochs: 2, clip_grad_norm: 3, gradient_accumulation_steps: 1, activation_checkpointing: false, freeze_encoder_steps: 10, augmentation: simclr, size: 224, local_size: 96, precision: auto, seeds: first}
finetune: {train: true, compile: off, unfreeze: all, lr: 1e-4, head_lr: 1e-3, layer_decay: 0.9, weight_decay: 1e-4, optimizer: adam, schedule: {plateau: {patience: 3}}, warmup_epochs: 0, ema: 0.99, epochs: 20, validations: null, keep: lowest, patience: 5, batch_size: 32, drop_last: true, augmentation: finetune, size: 224, class_weights: balanced, max_class_weight: 100, focal: null, label_smoothing: 0, reduction: mean, resample: null, head: linear, pooling: own, dropout: 0, tta: none}
sweep: {over: {lr: [1e-4, 1e-3], dropout: [0, 0.1]}, search: halving, select: val_loss, best_per: [lr], reduction: 3}
precision: fp32
seeds: [0, 1]
layout: toh2023
protocol: hilum
published: {task.label_fraction: 1}
compare: [[ssl, scratch], [labels, scratch]]
evaluate: {family: task, n_bootstrap: 2000, min_positive_patients: 10, seed: 0, threshold: sensitivity=0.9, margin: 0.02, min_group: 20, contaminated: mark}
explain: {arms: [scratch, ssl], method: gradcam, images: 1, candidates: 300, embedding: umap, points: 100}
"""

VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**70, 1.5, -0.0, float("nan"), float("inf"), "", " ", "on", "é\u202e\x00", "a" * 5000,
    [], [[]], [None], ["a"], [["a"], {"b": 1}], {}, {"a": 1}, {"a": {"b": [1]}}, {1: 2}, {None: None}, {True: "x"},
    {(1, 2): 3}, "../../etc/passwd", "/dev/zero", "2020-01-01", "1e400", "!!python/object:os.system", "*anchor", "{", b"\xff",
    "resnet18", "random", "all", "simclr", "official", {"pretrain": "simclr"}, {"pretrain": ["simclr"], "on": {"a": []}},
    {"patients": [1, 2]}, {"lists": {"a": 1}}, {"paper": []}, "chestxray14", {"resize": [224]}, ["clahe", {"clahe": {"clip": []}}],
]  # fmt: skip

TEXTS = [
    "\t",
    "\x00",
    "&a *a",
    "- - -",
    ": :",
    "{",
    "]",
    "'",
    '"',
    "|",
    "? ",
    "!!set {a}",
    "<<: *x",
    "%YAML 9.9",
    "---\n",
    "# ",
]


def mutated(seed: int) -> str:
    """A shipped study with one to four mistakes."""
    draw = random.Random(seed)
    texts = [EVERYTHING, EVERYTHING, *(path.read_text(encoding="utf-8") for path in SHIPPED)]
    text = draw.choice(texts)
    if draw.random() < 0.3:
        return _mutated_text(draw, text)
    content = yaml.load(text, Loader=Yaml12Loader)
    for _ in range(draw.randint(1, 4)):
        _mutate(draw, content)
    return str(yaml.dump(content, sort_keys=False, allow_unicode=draw.random() < 0.5))


def _mutated_text(draw: random.Random, text: str) -> str:
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(text))
        kind = draw.randrange(4)
        if kind == 0:
            text = text[:at] + draw.choice(TEXTS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + draw.randint(1, 30) :]
        elif kind == 2:
            text = text[:at]
        else:
            lines = text.splitlines(keepends=True)
            line = draw.randrange(len(lines))
            text = "".join([*lines[:line], draw.choice(["", " ", "  ", "    "]) + lines[line] * 2, *lines[line + 1 :]])
        if not text:
            break
    return text


def _mutate(draw: random.Random, content: Any) -> None:
    places = list(_places(content))
    if not places:
        return
    holder, key = draw.choice(places)
    kind = draw.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[draw.choice(["x", "", "on", "encoder", 1, None, "a.b", str(key)[:-1], str(key) + "s"])] = holder.pop(key)
    elif kind == 2:
        other, theirs = draw.choice(places)
        if isinstance(other, dict | list) and theirs in (other if isinstance(other, dict) else range(len(other))):
            holder[key] = copy.deepcopy(other[theirs])
    else:
        holder[key] = draw.choice(VALUES)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(entries):
        yield content, key
        yield from _places(value)

"""Page of `hilum explain`: images with heat maps, and localisation scores against annotated boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.data.store import Store
from hilum.explanation.localisation import coloured, contact_sheet, overlaid
from hilum.explanation.methods import FOR_NO_FINDING
from hilum.explanation.run import Explained
from hilum.report.content import RULE_DESCRIPTIONS
from hilum.report.page_template import render_template
from hilum.report.render import decimal, jpeg, png
from hilum.report.sections import statistics_tables

PAGE, SHEET = "explain.html", "gallery.png"
_IMAGE_SIDE, _MAP_SIDE = 256, 96
_QUALITY = 88


@dataclass(frozen=True)
class Panel:
    """Image preprocessed for one model, and its heat map, as data URLs."""

    model: str
    probability: str
    image: str
    heat: str


@dataclass(frozen=True)
class Card:
    """Image and finding of the gallery; boxes are (x, y, width, height) as fractions of the image."""

    image_id: str
    finding: str
    rule: str
    label: str
    panels: Sequence[Panel]
    boxes: Sequence[tuple[float, float, float, float]]


def explain_page(explained: Explained, stores: Sequence[Store]) -> str:
    """Return the page as HTML, with all images embedded.

    Args:
        explained: Heat maps and scores.
        stores: Images of each model.
    """
    cards = gallery(explained, stores)
    return render_template(
        "explain.html.j2",
        models=explained.models,
        method=explained.config.method,
        threshold=explained.config.threshold,
        for_no_finding=explained.config.method in FOR_NO_FINDING,
        notes=list(map(str, explained.notes)),
        cards=cards,
        findings=list(dict.fromkeys(card.finding for card in cards)),
        rules={rule: RULE_DESCRIPTIONS[rule] for rule in dict.fromkeys(card.rule for card in cards)},
        tables=statistics_tables(explained.statistics),
    )


def gallery(explained: Explained, stores: Sequence[Store]) -> list[Card]:
    """Return the selected images in the order of findings and rules."""
    row_of = {pair: row for row, pair in enumerate(explained.pairs)}
    cards = []
    for shown in explained.shown.iter_rows(named=True):
        row = row_of[shown["image_id"], shown["finding"]]
        label = explained.labels[row]
        panels = [
            Panel(
                model.name,
                decimal(float(scores[row])),
                jpeg(_image(store, shown["image_id"], _IMAGE_SIDE), _QUALITY),
                png(coloured(maps.on_image(_MAP_SIDE)[row].numpy())),
            )
            for model, store, maps, scores in zip(
                explained.models, stores, explained.maps, explained.scores, strict=True
            )
        ]
        boxes = explained.boxes.get((shown["image_id"], shown["finding"]))
        cards.append(
            Card(
                shown["image_id"],
                shown["finding"],
                shown["rule"],
                "not known" if np.isnan(label) else "positive" if label == 1 else "negative",
                panels,
                [] if boxes is None else [tuple(box) for box in boxes.tolist()],
            )
        )
    return cards


def gallery_sheet(explained: Explained, stores: Sequence[Store]) -> NDArray[np.uint8] | None:
    """Draw the selected images as one image: a row each, the image and then each model's map; None for none."""
    row_of = {pair: row for row, pair in enumerate(explained.pairs)}
    rows = []
    for image_id, finding in explained.shown.select("image_id", "finding").iter_rows():
        row = row_of[image_id, finding]
        boxes = explained.boxes.get((image_id, finding))
        plain = cv2.cvtColor(_image(stores[0], image_id, _IMAGE_SIDE), cv2.COLOR_GRAY2BGR)
        heated = [
            overlaid(_image(store, image_id, _IMAGE_SIDE), maps.on_image(_IMAGE_SIDE)[row].numpy(), boxes)
            for store, maps in zip(stores, explained.maps, strict=True)
        ]
        rows.append([plain.astype(np.uint8), *heated])
    return contact_sheet(rows) if rows else None


def _image(store: Store, image_id: str, side: int) -> NDArray[np.uint8]:
    stored = store.pixels[store.rows([image_id])[0]]
    shrinks = stored.shape[0] > side
    resized = cv2.resize(np.asarray(stored), (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return resized.astype(np.uint8)

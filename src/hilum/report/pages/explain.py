"""The page of `hilum explain`: images with heat-maps to fade in and out, and how the maps do against drawn boxes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

import hilum
from hilum.data.store import Store
from hilum.explanation.localisation import coloured, contact_sheet, overlaid
from hilum.explanation.methods import FOR_NO_FINDING
from hilum.explanation.run import Explained
from hilum.report.content import RULES_IN_WORDS
from hilum.report.render import decimal, unbroken
from hilum.report.sections import box_tables

PAGE, SHEET = "explain.html", "gallery.png"
_IMAGE_SIDE, _MAP_SIDE = 256, 96
_QUALITY = 88


@dataclass(frozen=True)
class Panel:
    """An image as one model sees it: data addresses of the image and of the map over it."""

    model: str
    probability: str
    image: str
    heat: str


@dataclass(frozen=True)
class Card:
    """One image and finding of the gallery; boxes are (x, y, width, height) as fractions of the image."""

    image_id: str
    finding: str
    rule: str
    label: str
    panels: Sequence[Panel]
    boxes: Sequence[tuple[float, float, float, float]]


def explain_page(explained: Explained, stores: Sequence[Store]) -> str:
    """The page as HTML, with every image inside.

    Args:
        explained: what to show.
        stores: of each model, the images.
    """
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters["unbroken"] = unbroken
    cards = gallery(explained, stores)
    return room.get_template("explain.html.j2").render(
        models=explained.models,
        method=explained.config.method,
        threshold=explained.config.threshold,
        for_no_finding=explained.config.method in FOR_NO_FINDING,
        notes=explained.notes,
        cards=cards,
        findings=list(dict.fromkeys(card.finding for card in cards)),
        rules={rule: RULES_IN_WORDS[rule] for rule in dict.fromkeys(card.rule for card in cards)},
        tables=box_tables(explained),
        version=hilum.__version__,
    )


def gallery(explained: Explained, stores: Sequence[Store]) -> list[Card]:
    """The images to look at, in the order of findings and rules."""
    row_of = {pair: row for row, pair in enumerate(explained.pairs)}
    cards = []
    for shown in explained.shown.iter_rows(named=True):
        row = row_of[shown["image_id"], shown["finding"]]
        label = explained.labels[row]
        panels = [
            Panel(
                model.name,
                decimal(float(scores[row])),
                _jpeg(_image(store, shown["image_id"], _IMAGE_SIDE)),
                _png(coloured(maps.on_image(_MAP_SIDE)[row].numpy())),
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
    """The same images as one image: a row each, the image and then each model's map; None where none is shown."""
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


def _jpeg(image: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _png(image: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"

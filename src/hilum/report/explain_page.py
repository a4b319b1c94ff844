"""The page of `hilum explain`: films with heat-maps to fade in and out, and how the maps do against drawn boxes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

import hilum
from hilum.data.store import Store
from hilum.explain.explaining import Explained
from hilum.explain.methods import FOR_NO_FINDING
from hilum.explain.overlay import coloured, contact_sheet, overlaid
from hilum.report.box_tables import box_tables
from hilum.report.films import RULES_IN_WORDS
from hilum.report.formats import decimal, unbroken

PAGE, SHEET = "explain.html", "gallery.png"
_FILM_SIDE, _MAP_SIDE = 256, 96
_QUALITY = 88


@dataclass(frozen=True)
class Panel:
    """A film as one model sees it: data addresses of the film and of the map over it."""

    model: str
    probability: str
    film: str
    heat: str


@dataclass(frozen=True)
class Card:
    """One film and finding of the gallery; boxes are (x, y, width, height) as fractions of the film."""

    image_id: str
    finding: str
    rule: str
    label: str
    panels: Sequence[Panel]
    boxes: Sequence[tuple[float, float, float, float]]


def explain_page(explained: Explained, stores: Sequence[Store]) -> str:
    """The page as HTML, with every picture inside.

    Args:
        explained: what to show.
        stores: of each model, the films.
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
        method=explained.wish.method,
        threshold=explained.wish.threshold,
        for_no_finding=explained.wish.method in FOR_NO_FINDING,
        notes=explained.notes,
        cards=cards,
        findings=list(dict.fromkeys(card.finding for card in cards)),
        rules={rule: RULES_IN_WORDS[rule] for rule in dict.fromkeys(card.rule for card in cards)},
        tables=box_tables(explained),
        version=hilum.__version__,
    )


def gallery(explained: Explained, stores: Sequence[Store]) -> list[Card]:
    """The films to look at, in the order of findings and rules."""
    row_of = {pair: row for row, pair in enumerate(explained.pairs)}
    cards = []
    for shown in explained.shown.iter_rows(named=True):
        row = row_of[shown["image_id"], shown["finding"]]
        label = explained.labels[row]
        panels = [
            Panel(
                model.name,
                decimal(float(scores[row])),
                _jpeg(_picture(store, shown["image_id"], _FILM_SIDE)),
                _png(coloured(maps.on_film(_MAP_SIDE)[row].numpy())),
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
    """The same films as one picture: a row each, the film and then each model's map; None where none is shown."""
    row_of = {pair: row for row, pair in enumerate(explained.pairs)}
    rows = []
    for image_id, finding in explained.shown.select("image_id", "finding").iter_rows():
        row = row_of[image_id, finding]
        boxes = explained.boxes.get((image_id, finding))
        plain = cv2.cvtColor(_picture(stores[0], image_id, _FILM_SIDE), cv2.COLOR_GRAY2BGR)
        heated = [
            overlaid(_picture(store, image_id, _FILM_SIDE), maps.on_film(_FILM_SIDE)[row].numpy(), boxes)
            for store, maps in zip(stores, explained.maps, strict=True)
        ]
        rows.append([plain.astype(np.uint8), *heated])
    return contact_sheet(rows) if rows else None


def _picture(store: Store, image_id: str, side: int) -> NDArray[np.uint8]:
    stored = store.pixels[store.rows([image_id])[0]]
    shrinks = stored.shape[0] > side
    resized = cv2.resize(np.asarray(stored), (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return resized.astype(np.uint8)


def _jpeg(picture: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _png(picture: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"

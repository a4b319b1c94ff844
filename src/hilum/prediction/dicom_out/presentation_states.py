"""Grayscale Softcopy Presentation States (DICOM PS3.3 A.33.1): boxes of heat maps on the images of a series.

A box encloses a connected region of a heat map at or above half of its maximum, as in `hilum explain`. Each finding has
a graphic layer; its probability is printed beside its highest box on an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from highdicom import pr
from numpy.typing import NDArray

from hilum import __version__
from hilum.prediction.dicom_out.displayed import DisplayedImage
from hilum.prediction.dicom_out.identity import MANUFACTURER, tracking_of
from hilum.prediction.loading import PackagedClassifier

_DIGITS = 3
_LEAST_SIDE = 1e-6  # pixels; a box inside the padding has no area


@dataclass(frozen=True)
class BoxedImage:
    """Image with boxes.

    Attributes:
        image: Image and its display parameters.
        probabilities: Probabilities (F,), 0 to 1.
        boxes: Boxes (K, 4) of each finding: left, top, right and bottom on the stored pixels, highest score first.
    """

    image: DisplayedImage
    probabilities: NDArray[np.floating]
    boxes: dict[str, NDArray[np.float64]]


def state_of(
    model: PackagedClassifier, images: Sequence[BoxedImage], number: int
) -> pr.GrayscaleSoftcopyPresentationState:
    """Create the presentation state of a series.

    It shows each image with the first window or VOI LUT of its header, as in the model's preprocessing, in the stored
    orientation.

    Args:
        model: Model that scored the images.
        images: Images of one series, size and scale of gray (`DisplayedImage.group`); at least one with a box.
        number: Number of the state's series in the study.
    """
    found = {finding for each in images for finding in each.boxes}
    layers = {
        described.name: pr.GraphicLayer(f"FINDING_{place + 1}", place + 1, described.name[:64])
        for place, described in enumerate(model.description.findings)
        if described.name in found
    }
    sources = [each.image.source for each in images]
    interests = [each.image.interest_transformation() for each in images]
    first = images[0].image
    shape = "INVERSE" if first.inverted else "IDENTITY"
    state = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=sources,
        series_instance_uid=hd.UID(),
        series_number=number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model.cards[0].encoder,
        software_versions=__version__,
        device_serial_number="+".join(card.sha256[:12] or "unknown" for card in model.cards)[:64],
        content_label="FINDINGS",
        content_description="Hilum: boxes of heat maps",
        graphic_layers=list(layers.values()),
        graphic_annotations=[
            _annotation(model, each, finding, boxes, layers[finding])
            for each in images
            for finding, boxes in each.boxes.items()
        ],
        modality_lut_transformation=first.modality_transformation(),
        voi_lut_transformations=[each for each in interests if each is not None] or None,
        presentation_lut_transformation=hd.PresentationLUTTransformation(presentation_lut_shape=shape),
        series_description="Hilum: boxes of heat maps",
    )
    state.BodyPartExamined = "CHEST"
    return state


def with_area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Select the boxes (left, top, right, bottom) with a positive width and height."""
    return boxes[((boxes[:, 2:] - boxes[:, :2]) > _LEAST_SIDE).all(axis=1)]


def _annotation(
    model: PackagedClassifier,
    boxed: BoxedImage,
    finding: str,
    boxes: NDArray[np.float64],
    layer: pr.GraphicLayer,
) -> pr.GraphicAnnotation:
    source = boxed.image.source
    probability = float(boxed.probabilities[model.findings.index(finding)])
    left, top = float(boxes[0, 0]), float(boxes[0, 1])
    return pr.GraphicAnnotation(
        referenced_images=[source],
        graphic_layer=layer,
        graphic_objects=[
            pr.GraphicObject(
                graphic_type="POLYLINE",
                graphic_data=_outline(*box),
                units="PIXEL",
                tracking_id=finding[:64],
                tracking_uid=tracking_of(model, source, finding),
            )
            for box in boxes
        ],
        text_objects=[
            pr.TextObject(
                text_value=f"{finding} {probability:.{_DIGITS}f}",
                units="PIXEL",
                anchor_point=(left, top),
                anchor_point_visible=False,
            )
        ],
    )


def _outline(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])

"""Rendering of one image: projection, exposure, display, markers, and boxes of findings.

Markers are outside of the patient: letters, portable labels, and collimator edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.findings import CHESTXRAY14
from hilum.phantom.anatomy import Thorax
from hilum.phantom.anatomy.thorax import thorax
from hilum.phantom.build import Build, generator
from hilum.phantom.detector import display, draw_exposure, expose
from hilum.phantom.population import Image
from hilum.phantom.projection import Camera, frontal_camera, line_integrals

FRAME = 1024
"""Side of the frame of box coordinates, pixels, as in the NIH's own list."""
VISIBLE = 0.03
"""Change of a line integral from which a finding counts as visible: 3 % of the radiation."""
_APART = 0.04  # fraction of the image's side; closer parts of a finding share a box
_LEAST_SIDE = 192  # smaller images are rendered larger and averaged, like a detector's pixels


@dataclass(frozen=True)
class Box:
    """Bounding box of a finding, in pixels of a 1024 x 1024 frame."""

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Radiograph:
    """Radiograph of a patient, before averaging to the pixels of the image.

    Attributes:
        patient: Thorax.
        camera: Tube and detector.
        attenuation: Attenuation of every ray, (side, side).
        pixels: Gray values, (side, side).
    """

    patient: Thorax
    camera: Camera
    attenuation: NDArray[np.float32]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Rendered:
    """Rendered image with boxes.

    Attributes:
        pixels: Gray values, (size, size).
        boxes: Boxes of the requested findings, one for each separate part; none for a finding that is too faint.
    """

    pixels: NDArray[np.uint8]
    boxes: list[Box]


def render_image(image: Image, *, size: int, seed: int, boxed: Sequence[str] = ()) -> Rendered:
    """Render an image.

    Args:
        image: One of `population.population_images`.
        size: Side, pixels.
        seed: Random seed of the population. The pixels are a function of (seed, image, size).
        boxed: Findings on the image (canonical names) for which boxes are computed. Each requires one more projection
            of the affected part of the image.

    Returns:
        8-bit pixels and boxes.
    """
    finer = -(-_LEAST_SIDE // size)
    taken = take_radiograph(image, seed, size * finer)
    pixels = taken.pixels
    if finer > 1:
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    boxes: list[Box] = []
    for finding in boxed:
        changed = visible_change(taken.patient, finding, taken.camera, taken.attenuation)
        boxes += [Box(finding, *corner) for corner in _around(changed)]
    return Rendered(pixels, boxes)


def take_radiograph(image: Image, seed: int, side: int) -> Radiograph:
    """Project, expose, display and mark an image; a function of its arguments.

    Args:
        image: One of `population.population_images`.
        seed: Random seed of the population.
        side: Side, pixels.
    """
    patient = thorax(image, seed)
    draw = generator(seed, image.image_id, 4)
    camera = image_camera(image, patient.build, seed, side)
    integrals = line_integrals(patient.solids.no_finer_than(_finest(camera)), patient.attenuation, camera)
    exposure = draw_exposure(image.view, patient.build.heaviness, camera.pixel**2 * patient.build.scale**2, draw)
    pixels = display(expose(integrals, exposure, draw), integrals.body, exposure)
    return Radiograph(patient, camera, integrals.attenuation, collimate(mark(pixels, image.view, draw), draw))


def image_camera(image: Image, build: Build, seed: int, side: int) -> Camera:
    """Return tube and detector of an image, in the patient's own centimetres."""
    draw = generator(seed, image.image_id, 5)
    pa = image.view == "PA"
    spacing = float(image.spacing) / 10
    shrink = 1 / build.scale * min(1.0, build.scale * 1.12) ** 0.8  # smaller fields for smaller patients
    trunk = build.cage[1] + 2.3 + 0.8 * build.fat
    near = trunk + (draw.uniform(0.5, 2.0) + 2.0 * build.breast if pa else draw.uniform(1.5, 5.0))
    distance = draw.uniform(178, 186) if pa else draw.uniform(95, 125)
    zoom = float(np.exp(draw.normal(-0.02, 0.04)))
    return frontal_camera(
        image.view,
        source_to_detector=distance / build.scale,
        patient_to_detector=near,
        width=image.width * spacing * shrink * zoom,
        height=image.height * spacing * shrink * zoom,
        centre=(draw.normal(0, 0.9 if pa else 1.5), 7.0 + draw.normal(0, 1.1 if pa else 1.6)),
        rotation=draw.normal(0, 2.0 if pa else 4.0),
        tilt=draw.normal(0, 1.5) if pa else draw.normal(2.5, 3.5),
        roll=draw.normal(0, 1.2 if pa else 2.5),
        rows=side,
        columns=side,
    )


def visible_change(
    patient: Thorax, finding: str, camera: Camera, present: NDArray[np.float32] | None = None
) -> NDArray[np.bool_]:
    """Return the rays that the solids of a finding change by more than `VISIBLE`.

    Args:
        patient: Thorax with the finding.
        finding: Canonical name.
        camera: Tube and detector.
        present: Attenuation of every ray with the finding, (rows, columns); computed if None.

    Returns:
        (rows, columns).
    """
    solids = patient.solids.no_finer_than(_finest(camera))
    if present is None:
        present = line_integrals(solids, patient.attenuation, camera).attenuation
    without = patient.without(finding)
    changed = np.zeros(present.shape, dtype=np.bool_)
    within = None
    if without.attenuation == patient.attenuation:  # only rays through the removed solids change
        own = solids.only(solids.mark == CHESTXRAY14.index(finding))
        if not len(own):
            return changed
        shadows = camera.rectangles(own)
        within = (
            int(shadows[:, 0].min()),
            int(shadows[:, 1].max()),
            int(shadows[:, 2].min()),
            int(shadows[:, 3].max()),
        )
    absent = line_integrals(
        without.solids.no_finer_than(_finest(camera)), without.attenuation, camera, within
    ).attenuation
    top, bottom, left, right = within or (0, camera.rows, 0, camera.columns)
    part = slice(top, bottom), slice(left, right)
    changed[part] = np.abs(present[part] - absent[part]) > VISIBLE
    return changed


def _finest(camera: Camera) -> float:
    """Return half a pixel at the patient, cm."""
    return 0.46 * camera.pixel


def _around(changed: NDArray[np.bool_]) -> list[tuple[float, float, float, float]]:
    """Return x, y, width, height of each group of rays in the 1024 frame; close parts form one group."""
    side = len(changed)
    reach = np.ones((round(_APART * side) | 1,) * 2, dtype=np.uint8)
    count, group = cv2.connectedComponents(cv2.dilate(changed.astype(np.uint8), reach))
    unit = FRAME / side
    boxes = []
    for number in range(1, count):
        rows, columns = np.nonzero(changed & (group == number))
        left, top = columns.min(), rows.min()
        size = columns.max() + 1 - left, rows.max() + 1 - top
        boxes.append((float(left * unit), float(top * unit), float(size[0] * unit), float(size[1] * unit)))
    return boxes


def mark(pixels: NDArray[np.uint8], view: str, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Add a lead letter in an upper corner, and a label on some portable images."""
    side = pixels.shape[0]
    marked = pixels
    if draw.random() < 0.9:
        left = draw.random() < 0.7
        x = draw.uniform(0.86, 0.95) if left else draw.uniform(0.05, 0.14)
        text = "L" if left else "R"
        marked = _write(marked, text, x, draw.uniform(0.05, 0.22), side * draw.uniform(0.034, 0.055), draw)
        if draw.random() < 0.3:
            initials = "".join(chr(65 + letter) for letter in draw.integers(0, 26, 2))
            marked = _write(marked, initials, x, draw.uniform(0.24, 0.28), side * 0.02, draw)
    if view == "AP" and draw.random() < 0.6:
        x, y = draw.uniform(0.08, 0.92), draw.choice([0.04, 0.09, 0.93])
        marked = _write(marked, "PORTABLE" if draw.random() < 0.6 else "AP", x, y, side * 0.018, draw)
    return marked


def collimate(pixels: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Blacken, or on a few images whiten, the area outside of the collimator."""
    if draw.random() > 0.35:
        return pixels
    side = pixels.shape[0]
    margins = np.maximum(draw.normal(0.0, 0.03, 4), -0.04) * side
    lean = draw.normal(0, 0.012) * side
    left, top, right, bottom = margins[0], margins[1], side - margins[2], side - margins[3]
    corners = [[left + lean, top - lean], [right + lean, top + lean], [right - lean, bottom + lean],
               [left - lean, bottom - lean]]  # fmt: skip
    field = np.zeros((side, side), dtype=np.uint8)
    cv2.fillPoly(field, [np.round(np.array(corners) * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    outside = 245.0 if draw.random() < 0.15 else draw.uniform(0, 12)
    opened = field.astype(np.float32) / 255.0
    shown: NDArray[np.uint8] = (pixels * opened + outside * (1 - opened)).astype(np.uint8)
    return shown


def _write(
    pixels: NDArray[np.uint8], text: str, x: float, y: float, height: float, draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Write text at (x, y), fractions of the side, slightly rotated; `height` in pixels."""
    side = pixels.shape[0]
    scale = height / 22.0  # cv2's capitals are 22 pixels tall at scale 1
    wide = max(round(scale * draw.uniform(2.0, 4.5)), 1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    (across, tall), _ = cv2.getTextSize(text, font, scale, wide)
    stencil = np.zeros((side, side), dtype=np.uint8)
    origin = round(x * side - across / 2), round(y * side + tall / 2)
    cv2.putText(stencil, text, origin, font, scale, 255, wide, cv2.LINE_AA)
    if len(text) == 1 and draw.random() < 0.35:
        cv2.circle(stencil, (round(x * side), round(y * side)), round(height), 255, max(wide // 2, 1), cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((x * side, y * side), float(draw.normal(0, 8)), 1.0)
    turned = cv2.warpAffine(stencil, turn, (side, side))
    lead = turned.astype(np.float32) / 255.0 * draw.uniform(0.7, 1.0)
    shown: NDArray[np.uint8] = (pixels + (250.0 - pixels) * lead).clip(0, 255).astype(np.uint8)
    return shown

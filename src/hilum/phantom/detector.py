"""From line integrals to the gray values of an image: Beer-Lambert, scatter, quanta, logarithm, display curve."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.phantom.projection import LineIntegrals


@dataclass(frozen=True)
class Exposure:
    """How one image was taken and shown.

    Attributes:
        quanta: detected per pixel where nothing is in the way.
        scatter: scattered over primary radiation, mean over the image.
        scatter_spread: standard deviation of the scatter kernel, share of the image's width.
        texture: strength of the fine structure of lung and soft tissue.
        centre: shift of the display window, in window widths.
        width: of the display window against the usual.
        toe: exponent of the display curve; above 1 darkens the lungs.
        equalised: share of the slow changes that the processing takes out, 0 to 1.
        sharpened: strength of unsharp masking.
    """

    quanta: float
    scatter: float
    scatter_spread: float
    texture: float
    centre: float
    width: float
    toe: float
    equalised: float
    sharpened: float


def draw_exposure(view: str, bulk: float, pixel_area: float, draw: np.random.Generator) -> Exposure:
    """Technique and processing of an image; portable images scatter more and get fewer quanta.

    Args:
        view: "PA" or "AP".
        bulk: how heavy the patient is, about -0.5 to 2.
        pixel_area: cm^2.
        draw: the image's own.
    """
    portable = view == "AP"
    return Exposure(
        quanta=pixel_area * 10 ** draw.uniform(6.7, 7.7) * (0.5 if portable else 1.0),
        scatter=draw.uniform(0.25, 0.6) + (0.15 if portable else 0.0) + 0.1 * max(bulk, 0.0),
        scatter_spread=draw.uniform(0.08, 0.14),
        texture=draw.uniform(0.6, 1.5),
        centre=draw.normal(0, 0.07),
        width=float(np.exp(draw.normal(0.03, 0.13))),
        toe=float(np.exp(draw.normal(0.12, 0.16))),
        equalised=draw.uniform(0.05, 0.4),
        sharpened=draw.uniform(0.2, 1.2),
    )


def beer_lambert(attenuation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the primary radiation that arrives: exp(-line integral)."""
    share: NDArray[np.float32] = np.exp(-attenuation)
    return share


def expose(integrals: LineIntegrals, exposure: Exposure, draw: np.random.Generator) -> NDArray[np.float32]:
    """Negative logarithm of the quanta detected, relative to the unattenuated beam; (rows, columns)."""
    attenuation = integrals.attenuation + _texture(integrals, exposure.texture, draw)
    primary = beer_lambert(attenuation)
    scattered = _spread(primary, exposure.scatter_spread)
    arriving = primary + exposure.scatter * (0.75 * scattered + 0.25 * float(primary.mean()))
    expected = arriving * np.float32(exposure.quanta)
    # counts are in the hundreds and more, where the Poisson law is a normal one
    counts = expected + np.sqrt(expected) * draw.standard_normal(expected.shape, dtype=np.float32)
    signal: NDArray[np.float32] = -np.log(np.maximum(counts, 1.0) / np.float32(exposure.quanta))
    return signal


def display(signal: NDArray[np.float32], body: NDArray[np.float32], exposure: Exposure) -> NDArray[np.uint8]:
    """8-bit gray values: bone and mediastinum bright, air black, the window set by what the image holds."""
    rows, columns = signal.shape
    slow = _spread(signal, 0.09)
    inside = body[:: max(rows // 64, 1), :: max(columns // 64, 1)] > 4.0
    shown = signal - exposure.equalised * slow
    if exposure.sharpened > 0:
        shown = shown + exposure.sharpened * (shown - cv2.GaussianBlur(shown, (0, 0), 0.012 * columns))
    sample = shown[:: max(rows // 64, 1), :: max(columns // 64, 1)][inside]
    dark, bright = np.percentile(sample, [6, 93]) if sample.size else (0.0, 1.0)
    spread = max(float(bright - dark), 0.3)
    low = dark - spread * (0.26 * exposure.width - exposure.centre)
    high = bright + spread * (0.16 * exposure.width + exposure.centre)
    level = np.clip((shown - low) / (high - low), 0.0, 1.25)
    curve = level**exposure.toe
    curve = np.where(curve > 0.66, 0.66 + 0.32 * np.tanh((curve - 0.66) / 0.32), curve)
    gray: NDArray[np.uint8] = np.clip(curve * 255.0, 0, 255).astype(np.uint8)
    return gray


def _spread(field: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Gaussian blur with a standard deviation of `share` of the width, done on a small copy."""
    rows, columns = field.shape
    small = cv2.resize(field, (48, 48), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), share * 48, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def _texture(integrals: LineIntegrals, strength: float, draw: np.random.Generator) -> NDArray[np.float32]:
    """What a random density, too fine to be drawn solid by solid, adds to the integrals.

    The deviation of an integral over a random field grows with the root of the path.
    """
    rows, columns = integrals.body.shape
    lung = np.zeros((rows, columns), dtype=np.float32)
    for cells, amount in ((24, 0.011), (56, 0.010), (110, 0.008)):
        lung += cv2.resize(draw.standard_normal((cells, cells), dtype=np.float32) * amount, (columns, rows),
                           interpolation=cv2.INTER_CUBIC)  # fmt: skip
    tissue = np.zeros((rows, columns), dtype=np.float32)
    for cells, amount in ((7, 0.010), (18, 0.006), (48, 0.004)):
        tissue += cv2.resize(draw.standard_normal((cells, cells), dtype=np.float32) * amount, (columns, rows),
                             interpolation=cv2.INTER_CUBIC)  # fmt: skip
    air = integrals.air[0] + integrals.air[1]
    solid = np.maximum(integrals.body - air, 0.0)
    field: NDArray[np.float32] = np.float32(strength) * (lung * np.sqrt(air) + tissue * np.sqrt(solid))
    return field

"""Detector: line integrals to gray values by Beer-Lambert law, scatter, quantum noise, logarithm and display curve."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.phantom.projection import LineIntegrals


@dataclass(frozen=True)
class Exposure:
    """Exposure and display of one image.

    Attributes:
        quanta: Detected quanta per pixel without attenuation.
        scatter: Ratio of scattered to primary radiation, mean over the image.
        scatter_spread: Standard deviation of the scatter kernel, fraction of the image's width.
        texture: Strength of the fine structure of lung and soft tissue.
        centre: Shift of the display window, in window widths.
        width: Width of the display window relative to the usual.
        toe: Exponent of the display curve; above 1 darkens the lungs.
        equalised: Fraction of low frequencies that processing removes, 0 to 1.
        sharpened: Strength of unsharp masking.
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
    """Draw exposure and processing of an image; portable images have more scatter and fewer quanta.

    Args:
        view: "PA" or "AP".
        bulk: Obesity of the patient, about -0.5 to 2.
        pixel_area: Area of a pixel, cm^2.
        draw: Random generator of the image.
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
    """Compute the transmitted fraction of the primary radiation: exp(-line integral)."""
    transmitted: NDArray[np.float32] = np.exp(-attenuation)
    return transmitted


def expose(integrals: LineIntegrals, exposure: Exposure, draw: np.random.Generator) -> NDArray[np.float32]:
    """Compute the negative logarithm of the detected quanta relative to the unattenuated beam; (rows, columns)."""
    attenuation = integrals.attenuation + _texture(integrals, exposure.texture, draw)
    primary = beer_lambert(attenuation)
    scattered = _spread(primary, exposure.scatter_spread)
    arriving = primary + exposure.scatter * (0.75 * scattered + 0.25 * float(primary.mean()))
    expected = arriving * np.float32(exposure.quanta)
    # counts are large: the Poisson distribution is approximated by a normal one
    counts = expected + np.sqrt(expected) * draw.standard_normal(expected.shape, dtype=np.float32)
    signal: NDArray[np.float32] = -np.log(np.maximum(counts, 1.0) / np.float32(exposure.quanta))
    return signal


def display(signal: NDArray[np.float32], body: NDArray[np.float32], exposure: Exposure) -> NDArray[np.uint8]:
    """Convert to 8-bit gray values: bone and mediastinum bright, air black, the window set by the image's content."""
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


def _spread(field: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Blur with a Gaussian, its standard deviation a fraction of the width, on a reduced copy."""
    rows, columns = field.shape
    small = cv2.resize(field, (48, 48), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), deviation * 48, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def _texture(integrals: LineIntegrals, strength: float, draw: np.random.Generator) -> NDArray[np.float32]:
    """Return the contribution of a random density field that is too fine for solids.

    The standard deviation of an integral over a random field grows with the square root of the path.
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

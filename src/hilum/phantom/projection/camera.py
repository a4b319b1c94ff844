"""Where the tube stands, where the detector hangs, and which ray meets which pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.projection.solids import Solids, turned


@dataclass(frozen=True)
class Camera:
    """A point source and a flat detector, in the patient's coordinates (cm).

    Attributes:
        source: focal spot, (3,).
        corner: centre of the first pixel (top left as displayed), (3,).
        right: step to the next column, (3,); across `down`.
        down: step to the next row, (3,).
        rows, columns: of the detector.
    """

    source: NDArray[np.float64]
    corner: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    rows: int
    columns: int

    @property
    def pixel(self) -> float:
        """Larger side of a pixel on the detector, cm."""
        return float(max(np.linalg.norm(self.right), np.linalg.norm(self.down)))

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel coordinates (column, row) of points (..., 3) in front of the source; pixel centres are whole."""
        normal = np.cross(self.right, self.down)
        rays = points - self.source
        depth = rays @ normal / (normal @ (self.corner - self.source))
        hits = self.source + rays / depth[..., None] - self.corner
        return np.stack([hits @ self.right / (self.right @ self.right), hits @ self.down / (self.down @ self.down)], -1)

    def rectangles(self, solids: Solids) -> NDArray[np.int32]:
        """First row, end row, first column, end column of each solid's shadow, (N, 4), inside the detector."""
        signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=np.float64)
        corners = solids.centre[:, None] + np.einsum("sk,nkd->nsd", signs, solids.extent)
        shadow = self.project(corners)
        low, high = shadow.min(1), shadow.max(1)
        first = np.ceil(low).clip(0, None)
        end = np.floor(high) + 1
        limit = np.array([self.columns, self.rows])
        first, end = np.minimum(first, limit), np.clip(end, 0, limit)
        return np.stack([first[:, 1], end[:, 1], first[:, 0], end[:, 0]], axis=1).astype(np.int32)


def frontal_camera(
    view: str,
    *,
    source_to_detector: float,
    patient_to_detector: float,
    width: float,
    height: float,
    centre: tuple[float, float],
    rotation: float = 0.0,
    tilt: float = 0.0,
    roll: float = 0.0,
    rows: int,
    columns: int,
) -> Camera:
    """A frontal projection, displayed as usual: the patient's left is on the right.

    Args:
        view: "PA" (source behind the patient) or "AP" (source in front).
        source_to_detector: cm.
        patient_to_detector: from the patient's axis (x = y = 0) to the detector, cm.
        width, height: of the detector, cm.
        centre: x and z of the patient that the central ray meets, cm.
        rotation: of the patient about the long axis, degrees; 0 is straight.
        tilt: of the beam, degrees; positive is from below (an apical lordotic view).
        roll: of the detector in its plane, degrees.
        rows, columns: of the detector.
    """
    facing = 1.0 if view == "PA" else -1.0
    pose = turned(x=-tilt * facing, z=rotation)
    middle = np.array([centre[0], 0.0, centre[1]])
    source = middle + pose @ np.array([0.0, -facing * (source_to_detector - patient_to_detector), 0.0])
    detector = middle + pose @ np.array([0.0, facing * patient_to_detector, 0.0])
    spin = turned(y=roll)
    right = pose @ spin @ np.array([width / columns, 0.0, 0.0])
    down = pose @ spin @ np.array([0.0, 0.0, -height / rows])
    corner = detector - right * (columns - 1) / 2 - down * (rows - 1) / 2
    return Camera(source, corner, right, down, rows, columns)

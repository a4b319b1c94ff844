"""X-ray tube and detector, and the projection of points to pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.projection.solids import Solids, turned


@dataclass(frozen=True)
class Camera:
    """Point source and flat detector, in the patient's coordinates (cm).

    Attributes:
        source: Focal spot, (3,).
        corner: Centre of the first pixel (top left as displayed), (3,).
        right: Step to the next column, (3,); perpendicular to `down`.
        down: Step to the next row, (3,).
        rows, columns: Size of the detector, pixels.
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
        """Project points (..., 3) to pixel coordinates (column, row); pixel centres are integers."""
        normal = np.cross(self.right, self.down)
        rays = points - self.source
        depth = rays @ normal / (normal @ (self.corner - self.source))
        hits = self.source + rays / depth[..., None] - self.corner
        return np.stack([hits @ self.right / (self.right @ self.right), hits @ self.down / (self.down @ self.down)], -1)

    def rectangles(self, solids: Solids) -> NDArray[np.int32]:
        """Return first row, end row, first column, end column of each solid's shadow on the detector, (N, 4)."""
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
    """Set up a frontal projection with the usual display: the patient's left is on the right.

    Args:
        view: "PA" (source behind the patient) or "AP" (source in front).
        source_to_detector: Distance, cm.
        patient_to_detector: Distance from the patient's axis (x = y = 0) to the detector, cm.
        width, height: Size of the detector, cm.
        centre: Patient's x and z on the central ray, cm.
        rotation: Rotation of the patient about the long axis, degrees; 0 is straight.
        tilt: Tilt of the beam, degrees; positive from below (an apical lordotic view).
        roll: Rotation of the detector in its plane, degrees.
        rows, columns: Size of the detector, pixels.
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

"""The build of a patient: what stays the same from image to image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.draws import image_keys, uniforms


@dataclass(frozen=True)
class Build:
    """Sizes and shapes of one thorax; lengths in the patient's own centimetres, which are `scale` real ones.

    Attributes:
        age: years.
        sex: "F" or "M".
        scale: size of the body against the reference adult.
        cage: semiaxes of the inside of the rib cage, (3,), cm.
        fat: of the chest wall, cm.
        breast: volume of a breast against the average woman's, 0 in men.
        heart: length of the heart against the average.
        heart_tilt: of the heart's long axis below the horizontal, degrees.
        aorta: radius of the arch, cm.
        unfolding: of the aorta with age, 0 to 1.
        domes: heights of the right and left dome of the diaphragm in full inspiration, cm.
        mediastinum: half width of the upper mediastinum, cm.
        rib_slope: how far a rib falls from the spine to the side, against the average.
        curve: scoliosis, sideways, cm.
        bone: mineral of bone against the average.
        vessels: size of the pulmonary vessels against the average.
        density: of lung against soft tissue in full inspiration.
        key: for further draws that belong to the patient.
    """

    age: int
    sex: str
    scale: float
    cage: NDArray[np.float64]
    fat: float
    breast: float
    heart: float
    heart_tilt: float
    aorta: float
    unfolding: float
    domes: tuple[float, float]
    mediastinum: float
    rib_slope: float
    curve: float
    bone: float
    vessels: float
    density: float
    key: int

    @property
    def top(self) -> float:
        """Height of the tops of the lungs, cm."""
        return float(20.6 + 0.7 * (self.cage[2] - 29.5))

    @property
    def heaviness(self) -> float:
        """0 for a lean patient, about 2 for an obese one."""
        return max(self.fat - 0.9, 0.0)

    def profile(self, z: ArrayLike) -> NDArray[np.float64]:
        """Width and depth of the rib cage at height z against the widest place."""
        share: NDArray[np.float64] = np.interp(np.asarray(z) / self.top, _PROFILE_HEIGHT, _PROFILE)
        return share


_PROFILE_HEIGHT = np.array([-0.8, -0.4, -0.1, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.1])
_PROFILE = np.array([0.88, 0.98, 1.0, 0.985, 0.95, 0.87, 0.77, 0.67, 0.52, 0.40])

CAGE_CENTRE = -2.0
"""Height of the middle of the rib cage's ellipsoid, cm."""


def generator(seed: int, name: str, use: int) -> np.random.Generator:
    """Draws that are a function of (seed, name, use): a patient's or an image's."""
    words = uniforms(seed, image_keys([name]), 4, view=use)[0] * 2.0**32
    return np.random.Generator(np.random.SFC64([int(word) for word in words]))


def draw_build(seed: int, patient: int, age: int, sex: str) -> Build:
    """The build of a patient of this age and sex."""
    draw = generator(seed, f"patient {patient}", 1)
    normal = np.clip(draw.standard_normal(20), -2.4, 2.4)
    old = float(np.clip((age - 20) / 60, 0, 1))
    child = float(np.clip((17 - age) / 17, 0, 1))
    woman = sex == "F"
    stature = (0.93 if woman else 1.0) * (1 + 0.04 * normal[0]) * (1 - 0.38 * child)
    heavy = float(np.clip(0.4 + 0.55 * normal[1] + 0.3 * old - 0.5 * child, -0.5, 2.2))
    cage = np.array([13.3 + 0.6 * normal[2], 9.3 + 0.6 * normal[3] + 0.9 * old, 29.5 + 1.2 * normal[4] - 0.8 * heavy])
    dome = 0.3 + 0.8 * normal[5] + 0.5 * heavy
    return Build(
        age=age,
        sex=sex,
        scale=stature,
        cage=cage,
        fat=0.9 + 1.0 * max(heavy, 0.0) + (0.3 if woman else 0.0),
        breast=float(np.clip(0.9 + 0.45 * normal[6] + 0.4 * heavy, 0.3, 2.4)) * (1 - child) if woman else 0.0,
        heart=1.0 + 0.055 * normal[7] + 0.05 * old + 0.05 * child + 0.02 * heavy,
        heart_tilt=38 - 9 * heavy + 7 * normal[8] - 5 * old,
        aorta=1.25 + 0.09 * normal[9] + 0.3 * old,
        unfolding=float(np.clip(old * (0.6 + 0.35 * normal[10]), 0, 1)),
        domes=(dome, dome - 1.1 + 0.5 * normal[11]),
        mediastinum=2.75 + 0.22 * normal[12] + 0.35 * max(heavy, 0.0),
        rib_slope=1.0 + 0.16 * normal[13],
        curve=0.35 * normal[14] * (1 + old),
        bone=(1.0 + 0.1 * normal[15]) * (1 - 0.25 * old * (1.3 if woman else 0.8)),
        vessels=1.0 + 0.08 * normal[16] + 0.04 * old,
        density=0.27 + 0.03 * normal[17] + 0.03 * max(heavy, 0.0) - 0.02 * old,
        key=int(draw.integers(2**62)),
    )

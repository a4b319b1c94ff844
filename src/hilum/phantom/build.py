"""Build of a patient: properties that are constant over all images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.draws import image_keys, uniforms


@dataclass(frozen=True)
class Build:
    """Sizes and shapes of one thorax; lengths in the patient's own centimetres, equal to `scale` real ones.

    Attributes:
        age: Years.
        sex: "F" or "M".
        scale: Size of the body relative to the reference adult.
        cage: Semiaxes of the inside of the rib cage, (3,), cm.
        fat: Fat of the chest wall, cm.
        breast: Volume of a breast relative to the average woman's, 0 in men.
        heart: Length of the heart relative to the average.
        heart_tilt: Angle of the heart's long axis below the horizontal, degrees.
        aorta: Radius of the arch, cm.
        unfolding: Unfolding of the aorta with age, 0 to 1.
        domes: Heights of the right and left dome of the diaphragm in full inspiration, cm.
        mediastinum: Half width of the upper mediastinum, cm.
        rib_slope: Descent of a rib from the spine to the side, relative to the average.
        curve: Scoliosis, lateral, cm.
        bone: Mineral content of bone relative to the average.
        vessels: Width of the pulmonary vessels relative to the average.
        density: Density of lung relative to soft tissue in full inspiration.
        key: Seed of further draws of the patient.
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
        """Height of the apices of the lungs, cm."""
        return float(20.6 + 0.7 * (self.cage[2] - 29.5))

    @property
    def heaviness(self) -> float:
        """Obesity: 0 for a lean patient, about 2 for an obese one."""
        return max(self.fat - 0.9, 0.0)

    def profile(self, z: ArrayLike) -> NDArray[np.float64]:
        """Return width and depth of the rib cage at height z relative to the widest place."""
        ratio: NDArray[np.float64] = np.interp(np.asarray(z) / self.top, _PROFILE_HEIGHT, _PROFILE)
        return ratio


_PROFILE_HEIGHT = np.array([-0.8, -0.4, -0.1, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.1])
_PROFILE = np.array([0.88, 0.98, 1.0, 0.985, 0.95, 0.87, 0.77, 0.67, 0.52, 0.40])

CAGE_CENTRE = -2.0
"""Height of the centre of the rib cage's ellipsoid, cm."""


def generator(seed: int, name: str, use: int) -> np.random.Generator:
    """Return a random generator that is a function of (seed, name, use), for a patient or an image."""
    words = uniforms(seed, image_keys([name]), 4, view=use)[0] * 2.0**32
    return np.random.Generator(np.random.SFC64([int(word) for word in words]))


def draw_build(seed: int, patient: int, age: int, sex: str) -> Build:
    """Draw the build of a patient of this age and sex."""
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

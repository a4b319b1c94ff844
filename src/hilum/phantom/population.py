"""Population: patients, their images and findings, with the rates of ChestX-ray14.

Rates, the fraction of AP images, correlations of findings and their duration were estimated from the data set's own
table (Data_Entry_2017_v2020.csv, 112,120 images; Wang et al., "ChestX-ray8", CVPR 2017) and rounded. Rare findings are
more frequent, so that a few hundred images hold some of each: Hernia 0.2 % to 1.2 %, Pneumonia 1.3 % to 3 %, Fibrosis
1.5 % to 2.5 %, Edema 2 % to 3 %, Emphysema 2.2 % to 3 %, Cardiomegaly 2.5 % to 3.5 %. Patients have 2.7 images on
average instead of 3.6, and at most 14, so that a small collection still has many patients.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from hilum.findings import CHESTXRAY14
from hilum.phantom.build import generator

# fraction of images, then loadings on: severity of illness, fluid, infection, chronic disease, air leak; then age and
# the fraction of a finding's cause that is constant in the patient
_FINDINGS = {
    "Atelectasis": (0.10, 0.30, 0.25, 0.10, 0.05, 0.05, 0.08, 0.50),
    "Cardiomegaly": (0.035, 0.05, 0.55, 0.00, -0.05, -0.15, 0.02, 0.80),
    "Pleural Effusion": (0.12, 0.30, 0.50, 0.20, 0.15, 0.10, 0.05, 0.60),
    "Infiltration": (0.17, 0.30, 0.20, 0.30, 0.00, -0.05, -0.03, 0.45),
    "Mass": (0.05, 0.00, 0.05, 0.05, 0.55, 0.10, 0.02, 0.85),
    "Nodule": (0.055, -0.05, -0.05, 0.00, 0.55, 0.05, 0.03, 0.85),
    "Pneumonia": (0.03, 0.20, 0.20, 0.55, -0.05, -0.10, -0.05, 0.35),
    "Pneumothorax": (0.05, 0.00, -0.05, -0.10, 0.10, 0.60, -0.03, 0.65),
    "Consolidation": (0.045, 0.35, 0.20, 0.40, 0.15, 0.05, -0.03, 0.45),
    "Edema": (0.03, 0.50, 0.45, 0.30, -0.10, -0.20, -0.05, 0.50),
    "Emphysema": (0.03, 0.05, -0.15, -0.10, 0.10, 0.60, 0.06, 0.85),
    "Fibrosis": (0.025, -0.20, -0.10, -0.15, 0.35, 0.00, 0.12, 0.85),
    "Pleural Thickening": (0.035, -0.05, 0.10, 0.00, 0.45, 0.15, 0.06, 0.80),
    "Hernia": (0.012, -0.10, 0.00, -0.05, 0.10, 0.00, 0.35, 0.90),
}
_SHARE = np.array([_FINDINGS[name][0] for name in CHESTXRAY14])
_LOADINGS = np.array([_FINDINGS[name][1:6] for name in CHESTXRAY14])
_AGE = np.array([_FINDINGS[name][6] for name in CHESTXRAY14])
_LASTING = np.array([_FINDINGS[name][7] for name in CHESTXRAY14])
_OWN = np.sqrt(1.0 - (_LOADINGS**2).sum(1) - _AGE**2)
_AP_SHARE = 0.40
_AP_THRESHOLD = float(-ndtri(_AP_SHARE))
_MOST_IMAGES = 14
# width and height in pixels, spacing in mm as written in the table, and the fraction among PA and among AP images
_FORMATS = (
    (2992, 2991, "0.14300000000000002", 0.45, 0.0),
    (2500, 2048, "0.168", 0.18, 0.62),
    (2048, 2500, "0.168", 0.16, 0.03),
    (2021, 2021, "0.19431099999999998", 0.10, 0.0),
    (3056, 2544, "0.139", 0.05, 0.34),
    (2544, 3056, "0.139", 0.06, 0.01),
)


@dataclass(frozen=True)
class Image:
    """Image of the population, before rendering.

    Attributes:
        image_id: Id such as 00000001_000.png.
        patient: Number of the patient, from 1.
        follow_up: Number of the image in the patient's history, from 0.
        age: Years.
        age_at_first_image: Years.
        sex: "F" or "M".
        view: "PA" or "AP".
        upright: Standing or sitting; otherwise supine.
        severities: Severity of each finding, 0 (just visible) to 1, by canonical name.
        episodes: Number of recurrences of each finding; positions belong to an episode.
        width, height: Size of the original image, pixels.
        spacing: Pixel spacing of the original as written in the table, mm.
    """

    image_id: str
    patient: int
    follow_up: int
    age: int
    age_at_first_image: int
    sex: str
    view: str
    upright: bool
    severities: Mapping[str, float]
    episodes: Mapping[str, int]
    width: int
    height: int
    spacing: str


def population_images(
    seed: int, count: int, *, min_prevalence: float = 0.0, max_findings: int | None = None
) -> list[Image]:
    """Generate the first `count` images, patient after patient; they do not depend on `count`.

    Args:
        seed: Random seed of the population.
        count: Number of images.
        min_prevalence: Fraction of images, 0 to 0.5, to which the prevalence of every rarer finding is raised.
        max_findings: Largest number of findings of an image, the most severe; None for all.
    """
    taken: list[Image] = []
    patient = 0
    while len(taken) < count:
        patient += 1
        taken.extend(history(seed, patient, min_prevalence=min_prevalence, max_findings=max_findings))
    return taken[:count]


def history(
    seed: int, patient: int, *, min_prevalence: float = 0.0, max_findings: int | None = None
) -> Iterator[Image]:
    """Yield all images of a patient in order; see `population_images`."""
    threshold = -ndtri(np.maximum(_SHARE, min_prevalence))
    draw = generator(seed, f"patient {patient}", 0)
    age = int(np.clip(draw.normal(48, 17), 4, 90))
    sex = "F" if draw.random() < 0.435 else "M"
    standing = draw.standard_normal(5)
    own = draw.standard_normal(len(CHESTXRAY14))
    bedridden = draw.standard_normal()
    more = float(ndtr(standing[0] + 0.4 * draw.standard_normal()))
    count = 1 if draw.random() < 0.72 - 0.44 * more else min(2 + int(draw.geometric(0.30)) - 1, _MOST_IMAGES)
    years = 0.0
    active: dict[str, int] = {}
    seen: dict[str, int] = {}
    for follow_up in range(count):
        today = np.sqrt(0.6) * standing + np.sqrt(0.4) * draw.standard_normal(5)
        cause = np.sqrt(_LASTING) * own + np.sqrt(1 - _LASTING) * draw.standard_normal(len(CHESTXRAY14))
        latent = _LOADINGS @ today + _AGE * (age - 48) / 17 + _OWN * cause
        excess = latent - threshold
        view = "AP" if 0.45 * today[0] + 0.75 * bedridden + 0.48 * draw.standard_normal() > _AP_THRESHOLD else "PA"
        upright = view == "PA" or draw.random() < 0.45
        present = [index for index in range(len(CHESTXRAY14)) if excess[index] > 0]
        if max_findings is not None:
            present = sorted(sorted(present, key=lambda index: -excess[index])[:max_findings])
        severities = {CHESTXRAY14[i]: float(1 - np.exp(-excess[i] / 0.55)) for i in present}
        for finding in severities:
            if finding not in active:
                active[finding] = seen.get(finding, 0)
                seen[finding] = active[finding] + (0 if finding in _STAYING else 1)
        active = {finding: episode for finding, episode in active.items() if finding in severities}
        shares = np.cumsum([shape[3 if view == "PA" else 4] for shape in _FORMATS])
        width, height, spacing, *_ = _FORMATS[int((shares < draw.random() * shares[-1]).sum())]
        yield Image(
            image_id=f"{patient:08d}_{follow_up:03d}.png",
            patient=patient,
            follow_up=follow_up,
            age=age + int(years),
            age_at_first_image=age,
            sex=sex,
            view=view,
            upright=upright,
            severities=severities,
            episodes=dict(active),
            width=width,
            height=height,
            spacing=spacing,
        )
        years += draw.exponential(0.35)


_STAYING = {"Mass", "Nodule", "Fibrosis", "Pleural Thickening", "Hernia", "Cardiomegaly", "Emphysema"}
"""Findings that recur at the same position."""

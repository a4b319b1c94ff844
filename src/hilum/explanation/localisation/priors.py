"""Control maps that do not depend on the image: centre prior and location prior."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.cases import BoxedCase
from hilum.explanation.localisation.scores import box_coverage

CENTRE_SPREAD = 0.25
"""Standard deviation of the centre prior, as a fraction of the image's side."""


def centre_prior(side: int) -> NDArray[np.float64]:
    """Return a round Gaussian in the centre of the image, (side, side), with a maximum near 1."""
    places = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-0.5 * (places / CENTRE_SPREAD) ** 2)
    return np.outer(bell, bell)


def location_priors(cases: Sequence[BoxedCase], side: int) -> list[NDArray[np.float64]]:
    """Compute for each case the frequency of boxes of the finding at each position in all other patients.

    Patients have equal weights. If no other patient has a box of the finding, the centre prior is used.

    Args:
        cases: N images with the boxes of a finding.
        side: Side of the maps.

    Returns:
        N maps, (side, side), 0 to 1.
    """
    masks = [box_coverage(case.boxes, side, side) for case in cases]
    of_patient: dict[tuple[str, str], list[int]] = {}
    for index, case in enumerate(cases):
        of_patient.setdefault((case.finding, case.patient_id), []).append(index)
    means = {key: np.mean([masks[index] for index in indices], axis=0) for key, indices in of_patient.items()}
    sums: dict[str, NDArray[np.float64]] = {}
    patients: dict[str, int] = {}
    for (finding, _), mean in means.items():
        sums[finding] = sums.get(finding, 0) + mean
        patients[finding] = patients.get(finding, 0) + 1
    maps = []
    for case in cases:
        others = patients[case.finding] - 1
        if not others:
            maps.append(centre_prior(side))
            continue
        rest = sums[case.finding] - means[case.finding, case.patient_id]
        maps.append(np.clip(rest, 0, None) / others)  # rounding errors may be below 0
    return maps

"""Maps that know nothing of the image: what a model's maps must beat before they say anything."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.explanation.localisation.cases import BoxedCase
from hilum.explanation.localisation.scores import share_in_boxes

CENTRE_SPREAD = 0.25
"""Standard deviation of the centre prior, as a fraction of the image's side."""


def centre_prior(side: int) -> NDArray[np.float64]:
    """A round Gaussian in the middle of the image, (side, side), whose highest value is near 1."""
    places = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-0.5 * (places / CENTRE_SPREAD) ** 2)
    return np.outer(bell, bell)


def location_priors(cases: Sequence[BoxedCase], side: int) -> list[NDArray[np.float64]]:
    """For each case, where the boxes of the same finding lie in all other patients: the share of them at each place.

    Every patient counts once. Where nobody else has a box of the finding, the centre prior stands in.

    Args:
        cases: N images with the boxes of a finding.
        side: of the maps.

    Returns:
        N maps, (side, side), 0 to 1.
    """
    masks = [share_in_boxes(case.boxes, side, side) for case in cases]
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
        maps.append(np.clip(rest, 0, None) / others)  # sums of fractions leave dust below 0
    return maps

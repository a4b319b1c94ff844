from .contamination import (
    Doubt as Doubt,
    contamination_of as contamination_of,
    contamination_problems as contamination_problems,
    copies_trained as copies_trained,
    doubts_of as doubts_of,
    refuse_contaminated as refuse_contaminated,
)
from .pixel_copies import (
    pixels_once as pixels_once,
    refuse_trained_copies as refuse_trained_copies,
    without_pixel_copies as without_pixel_copies,
)
from .warnings import (
    DataWarning as DataWarning,
    contradictory_labels as contradictory_labels,
    warnings_of as warnings_of,
)

__all__ = [
    "DataWarning",
    "Doubt",
    "contamination_of",
    "contamination_problems",
    "contradictory_labels",
    "copies_trained",
    "doubts_of",
    "pixels_once",
    "refuse_contaminated",
    "refuse_trained_copies",
    "warnings_of",
    "without_pixel_copies",
]

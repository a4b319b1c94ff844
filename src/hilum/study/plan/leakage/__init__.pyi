from .contamination import (
    Doubt as Doubt,
)
from .contamination import (
    contamination_of as contamination_of,
)
from .contamination import (
    contamination_problems as contamination_problems,
)
from .contamination import (
    copies_trained as copies_trained,
)
from .contamination import (
    doubts_of as doubts_of,
)
from .contamination import (
    refuse_contaminated as refuse_contaminated,
)
from .pixel_copies import (
    pixels_once as pixels_once,
)
from .pixel_copies import (
    refuse_trained_copies as refuse_trained_copies,
)
from .pixel_copies import (
    without_pixel_copies as without_pixel_copies,
)
from .warnings import (
    DataWarning as DataWarning,
)
from .warnings import (
    contradictory_labels as contradictory_labels,
)
from .warnings import (
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

from .boxes import (
    boxes_on_square as boxes_on_square,
)
from .cases import (
    BoxedCase as BoxedCase,
)
from .cases import (
    boxed_cases as boxed_cases,
)
from .compare import (
    CENTRE as CENTRE,
)
from .compare import (
    LOCATION as LOCATION,
)
from .compare import (
    RANDOM as RANDOM,
)
from .compare import (
    score_models as score_models,
)
from .detections import (
    Detections as Detections,
)
from .detections import (
    average_precision as average_precision,
)
from .detections import (
    boxes_of_map as boxes_of_map,
)
from .detections import (
    hits as hits,
)
from .detections import (
    ious as ious,
)
from .detections import (
    thresholded_iou as thresholded_iou,
)
from .overlay import (
    coloured as coloured,
)
from .overlay import (
    contact_sheet as contact_sheet,
)
from .overlay import (
    overlaid as overlaid,
)
from .priors import (
    CENTRE_SPREAD as CENTRE_SPREAD,
)
from .priors import (
    centre_prior as centre_prior,
)
from .priors import (
    location_priors as location_priors,
)
from .score_maps import (
    MEANS as MEANS,
)
from .score_maps import (
    METRICS as METRICS,
)
from .score_maps import (
    ScoredMaps as ScoredMaps,
)
from .scores import (
    Boxes as Boxes,
)
from .scores import (
    box_coverage as box_coverage,
)
from .scores import (
    box_scores as box_scores,
)
from .statistics import (
    ALL_BOXES as ALL_BOXES,
)
from .statistics import (
    MACRO as MACRO,
)
from .statistics import (
    box_statistics as box_statistics,
)

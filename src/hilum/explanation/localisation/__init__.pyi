from .boxes import boxes_on_square as boxes_on_square
from .cases import (
    BoxedCase as BoxedCase,
    boxed_cases as boxed_cases,
)
from .compare import (
    CENTRE as CENTRE,
    LOCATION as LOCATION,
    RANDOM as RANDOM,
    score_models as score_models,
)
from .detections import (
    Detections as Detections,
    average_precision as average_precision,
    boxes_of_map as boxes_of_map,
    hits as hits,
    ious as ious,
    thresholded_iou as thresholded_iou,
)
from .overlay import (
    coloured as coloured,
    contact_sheet as contact_sheet,
    overlaid as overlaid,
)
from .priors import (
    CENTRE_SPREAD as CENTRE_SPREAD,
    centre_prior as centre_prior,
    location_priors as location_priors,
)
from .score_maps import (
    MEANS as MEANS,
    METRICS as METRICS,
    ScoredMaps as ScoredMaps,
)
from .scores import (
    Boxes as Boxes,
    box_coverage as box_coverage,
    box_scores as box_scores,
)
from .statistics import (
    ALL_BOXES as ALL_BOXES,
    MACRO as MACRO,
    box_statistics as box_statistics,
)

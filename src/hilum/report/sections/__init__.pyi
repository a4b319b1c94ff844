from .comparisons import (
    joint_statistic as joint_statistic,
    joint_table_of as joint_table_of,
    margins_table_of as margins_table_of,
    ranks_table_of as ranks_table_of,
    standings_table as standings_table,
)
from .embedding import (
    MOST_THUMBNAILS as MOST_THUMBNAILS,
    TILE as TILE,
    purity_table as purity_table,
    scatter_of as scatter_of,
)
from .external_validation import external_tables as external_tables
from .images import case_browser as case_browser
from .label_issues import (
    agreement_table as agreement_table,
    noise_table as noise_table,
    noise_tables as noise_tables,
)
from .legend import reading as reading
from .localisation import statistics_tables as statistics_tables
from .plots import (
    calibration as calibration,
    classes as classes,
    curves as curves,
    intervals as intervals,
    overview as overview,
    training as training,
)
from .results import (
    difference_cell as difference_cell,
    estimate_cell as estimate_cell,
    macro_first as macro_first,
    note_texts as note_texts,
    order_of as order_of,
    with_split as with_split,
)
from .subgroups import subgroup_tables as subgroup_tables
from .sweep import sweep_blocks as sweep_blocks
from .thresholds import (
    mean_thresholds as mean_thresholds,
    threshold_table as threshold_table,
    where_chosen as where_chosen,
)

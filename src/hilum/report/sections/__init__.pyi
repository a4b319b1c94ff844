from .comparisons import (
    joint_statistic as joint_statistic,
)
from .comparisons import (
    joint_table_of as joint_table_of,
)
from .comparisons import (
    margins_table_of as margins_table_of,
)
from .comparisons import (
    ranks_table_of as ranks_table_of,
)
from .comparisons import (
    standings_table as standings_table,
)
from .embedding import (
    MOST_THUMBNAILS as MOST_THUMBNAILS,
)
from .embedding import (
    TILE as TILE,
)
from .embedding import (
    purity_table as purity_table,
)
from .embedding import (
    scatter_of as scatter_of,
)
from .external_validation import (
    external_tables as external_tables,
)
from .images import (
    case_browser as case_browser,
)
from .label_issues import (
    agreement_table as agreement_table,
)
from .label_issues import (
    noise_table as noise_table,
)
from .label_issues import (
    noise_tables as noise_tables,
)
from .legend import (
    reading as reading,
)
from .localisation import (
    statistics_tables as statistics_tables,
)
from .plots import (
    calibration as calibration,
)
from .plots import (
    classes as classes,
)
from .plots import (
    curves as curves,
)
from .plots import (
    intervals as intervals,
)
from .plots import (
    overview as overview,
)
from .plots import (
    training as training,
)
from .results import (
    difference_cell as difference_cell,
)
from .results import (
    estimate_cell as estimate_cell,
)
from .results import (
    macro_first as macro_first,
)
from .results import (
    note_texts as note_texts,
)
from .results import (
    order_of as order_of,
)
from .results import (
    with_split as with_split,
)
from .subgroups import (
    subgroup_tables as subgroup_tables,
)
from .sweep import (
    sweep_blocks as sweep_blocks,
)
from .thresholds import (
    mean_thresholds as mean_thresholds,
)
from .thresholds import (
    threshold_table as threshold_table,
)
from .thresholds import (
    where_chosen as where_chosen,
)

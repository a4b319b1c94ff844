from .agreement import (
    google_agreement as google_agreement,
)
from .agreement import (
    label_agreement as label_agreement,
)
from .issues import (
    auroc_ceiling as auroc_ceiling,
)
from .issues import (
    auroc_under_noise as auroc_under_noise,
)
from .issues import (
    rank_label_issues as rank_label_issues,
)

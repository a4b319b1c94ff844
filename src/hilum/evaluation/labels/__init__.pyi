from .agreement import (
    google_agreement as google_agreement,
    label_agreement as label_agreement,
)
from .issues import (
    auroc_ceiling as auroc_ceiling,
    auroc_under_noise as auroc_under_noise,
    rank_label_issues as rank_label_issues,
)

from .distillation import (
    patch_distillation as patch_distillation,
)
from .distillation import (
    teacher_entropy as teacher_entropy,
)
from .distillation import (
    teacher_probabilities as teacher_probabilities,
)
from .distillation import (
    update_center as update_center,
)
from .distillation import (
    view_distillation as view_distillation,
)
from .koleo import (
    CLOSEST as CLOSEST,
)
from .koleo import (
    koleo_of_views as koleo_of_views,
)
from .sinkhorn import (
    sinkhorn_assignments as sinkhorn_assignments,
)

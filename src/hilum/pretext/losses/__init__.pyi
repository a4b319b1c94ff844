from .distillation import (
    patch_distillation as patch_distillation,
    teacher_entropy as teacher_entropy,
    teacher_probabilities as teacher_probabilities,
    update_center as update_center,
    view_distillation as view_distillation,
)
from .koleo import (
    CLOSEST as CLOSEST,
    koleo_of_views as koleo_of_views,
)
from .sinkhorn import sinkhorn_assignments as sinkhorn_assignments

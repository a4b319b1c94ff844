from .early import (
    EarlySizes as EarlySizes,
)
from .heads import (
    PROJECTION_WIDTH as PROJECTION_WIDTH,
)
from .heads import (
    DINOHead as DINOHead,
)
from .heads import (
    projection_head as projection_head,
)
from .multi_crop import (
    MultiCrop as MultiCrop,
)
from .multi_crop import (
    TwoCrop as TwoCrop,
)
from .teacher import (
    MOST_ASSIGNMENT_ENTROPY as MOST_ASSIGNMENT_ENTROPY,
)
from .teacher import (
    TeacherMonitor as TeacherMonitor,
)
from .teacher import (
    TeacherSchedule as TeacherSchedule,
)
from .teacher import (
    cosine_schedule as cosine_schedule,
)
from .teacher import (
    ema_copy as ema_copy,
)
from .teacher import (
    ema_update as ema_update,
)
from .teacher import (
    linear_schedule as linear_schedule,
)

from .early import (
    EarlySizes as EarlySizes,
)
from .ema import (
    cosine_schedule as cosine_schedule,
)
from .ema import (
    ema_copy as ema_copy,
)
from .ema import (
    ema_update as ema_update,
)
from .ema import (
    linear_schedule as linear_schedule,
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

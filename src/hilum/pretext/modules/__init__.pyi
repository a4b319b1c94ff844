from .early import EarlySizes as EarlySizes
from .heads import (
    PROJECTION_WIDTH as PROJECTION_WIDTH,
    DINOHead as DINOHead,
    projection_head as projection_head,
)
from .multi_crop import (
    MultiCrop as MultiCrop,
    TwoCrop as TwoCrop,
)
from .teacher import (
    MOST_ASSIGNMENT_ENTROPY as MOST_ASSIGNMENT_ENTROPY,
    TeacherMonitor as TeacherMonitor,
    TeacherSchedule as TeacherSchedule,
    cosine_schedule as cosine_schedule,
    ema_copy as ema_copy,
    ema_update as ema_update,
    linear_schedule as linear_schedule,
)

from .early import (
    EarlySizes as EarlySizes,
)
from .ema import (
    cosine_between as cosine_between,
)
from .ema import (
    follow as follow,
)
from .ema import (
    follower as follower,
)
from .ema import (
    linear_between as linear_between,
)
from .heads import (
    PROJECTION_WIDTH as PROJECTION_WIDTH,
)
from .heads import (
    PrototypeHead as PrototypeHead,
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

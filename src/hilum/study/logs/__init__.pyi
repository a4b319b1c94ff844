from .curve_log import (
    LOGS as LOGS,
)
from .curve_log import (
    CurveLog as CurveLog,
)
from .opening import (
    Log as Log,
)
from .opening import (
    open_log as open_log,
)

from .curve_log import (
    LOGS as LOGS,
    CurveLog as CurveLog,
)
from .opening import (
    Log as Log,
    open_log as open_log,
)

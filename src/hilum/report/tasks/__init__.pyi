from .overview import (
    OverviewContent as OverviewContent,
)
from .overview import (
    TaskPage as TaskPage,
)
from .overview import (
    write_overview as write_overview,
)

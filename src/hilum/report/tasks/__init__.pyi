from .overview import (
    OverviewContent as OverviewContent,
    TaskPage as TaskPage,
    write_overview as write_overview,
)

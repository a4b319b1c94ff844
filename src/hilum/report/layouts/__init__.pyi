from .config import (
    LAYOUTS as LAYOUTS,
    Layout as Layout,
    read_layout as read_layout,
)
from .page import (
    layout_sections as layout_sections,
    with_layout as with_layout,
    write_layout as write_layout,
)
from .results import (
    StudyResults as StudyResults,
    TaskResults as TaskResults,
    read_results as read_results,
)

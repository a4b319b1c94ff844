from .config import (
    LAYOUTS as LAYOUTS,
)
from .config import (
    Layout as Layout,
)
from .config import (
    read_layout as read_layout,
)
from .page import (
    layout_sections as layout_sections,
)
from .page import (
    with_layout as with_layout,
)
from .page import (
    write_layout as write_layout,
)
from .results import (
    StudyResults as StudyResults,
)
from .results import (
    TaskResults as TaskResults,
)
from .results import (
    read_results as read_results,
)

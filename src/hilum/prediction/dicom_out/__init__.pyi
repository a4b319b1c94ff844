from .displayed import (
    DisplayedImage as DisplayedImage,
)
from .displayed import (
    boxes_on_stored as boxes_on_stored,
)
from .displayed import (
    read_displayed as read_displayed,
)
from .files import (
    REPORT as REPORT,
)
from .files import (
    STATES as STATES,
)
from .files import (
    FoundBoxes as FoundBoxes,
)
from .files import (
    ScoredDicom as ScoredDicom,
)
from .files import (
    check_highdicom as check_highdicom,
)
from .files import (
    write_dicom_results as write_dicom_results,
)
from .files import (
    write_presentation_states as write_presentation_states,
)
from .heat_map_captures import (
    capture_of as capture_of,
)
from .presentation_states import (
    BoxedImage as BoxedImage,
)
from .presentation_states import (
    state_of as state_of,
)
from .reports import (
    report_of as report_of,
)
from .source import (
    NoStudy as NoStudy,
)
from .source import (
    read_source as read_source,
)

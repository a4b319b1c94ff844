from .displayed import (
    DisplayedImage as DisplayedImage,
    boxes_on_stored as boxes_on_stored,
    read_displayed as read_displayed,
)
from .files import (
    REPORT as REPORT,
    STATES as STATES,
    FoundBoxes as FoundBoxes,
    ScoredDicom as ScoredDicom,
    check_highdicom as check_highdicom,
    write_dicom_results as write_dicom_results,
    write_presentation_states as write_presentation_states,
)
from .heat_map_captures import capture_of as capture_of
from .presentation_states import (
    BoxedImage as BoxedImage,
    state_of as state_of,
)
from .reports import report_of as report_of
from .source import (
    NoStudy as NoStudy,
    read_source as read_source,
)

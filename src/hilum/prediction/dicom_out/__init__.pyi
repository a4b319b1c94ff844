from .files import (
    REPORT as REPORT,
)
from .files import (
    check_highdicom as check_highdicom,
)
from .files import (
    write_dicom_results as write_dicom_results,
)
from .heat_map_captures import (
    capture_of as capture_of,
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

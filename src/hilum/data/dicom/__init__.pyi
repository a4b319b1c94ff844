from .display import (
    DisplaySteps as DisplaySteps,
    read_display as read_display,
)
from .elements import (
    REQUIRED as REQUIRED,
    named as named,
)
from .file_start import (
    has_preamble as has_preamble,
    starts_a_data_set as starts_a_data_set,
)
from .read import (
    DicomHeader as DicomHeader,
    read_dicom as read_dicom,
    read_header as read_header,
)
from .tags import (
    DESCRIPTION as DESCRIPTION,
    HEADER_TAGS as HEADER_TAGS,
    IDENTIFIERS as IDENTIFIERS,
    IMAGE_TAGS as IMAGE_TAGS,
    PIXELS as PIXELS,
)
from .windows import (
    DisplayWindow as DisplayWindow,
    LookupTable as LookupTable,
)

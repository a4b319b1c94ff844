from .display import (
    DisplaySteps as DisplaySteps,
)
from .display import (
    read_display as read_display,
)
from .elements import (
    REQUIRED as REQUIRED,
)
from .elements import (
    named as named,
)
from .file_start import (
    has_preamble as has_preamble,
)
from .file_start import (
    starts_a_data_set as starts_a_data_set,
)
from .read import (
    DicomHeader as DicomHeader,
)
from .read import (
    read_dicom as read_dicom,
)
from .read import (
    read_header as read_header,
)
from .tags import (
    DESCRIPTION as DESCRIPTION,
)
from .tags import (
    HEADER_TAGS as HEADER_TAGS,
)
from .tags import (
    IDENTIFIERS as IDENTIFIERS,
)
from .tags import (
    IMAGE_TAGS as IMAGE_TAGS,
)
from .tags import (
    PIXELS as PIXELS,
)
from .windows import (
    DisplayWindow as DisplayWindow,
)
from .windows import (
    LookupTable as LookupTable,
)

from .describe import (
    DataSource as DataSource,
)
from .describe import (
    ExpectedFiles as ExpectedFiles,
)
from .describe import (
    data_source as data_source,
)
from .describe import (
    data_sources as data_sources,
)
from .look import (
    FolderContents as FolderContents,
)
from .look import (
    FoundFiles as FoundFiles,
)
from .look import (
    examine_folder as examine_folder,
)
from .look import (
    recognise_folder as recognise_folder,
)

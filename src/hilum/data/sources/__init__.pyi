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
from .folder_contents import (
    FolderContents as FolderContents,
)
from .folder_contents import (
    FoundFiles as FoundFiles,
)
from .folder_contents import (
    examine_folder as examine_folder,
)
from .folder_contents import (
    recognise_folder as recognise_folder,
)

from .describe import (
    DataSource as DataSource,
    ExpectedFiles as ExpectedFiles,
    data_source as data_source,
    data_sources as data_sources,
)
from .folder_contents import (
    FolderContents as FolderContents,
    FoundFiles as FoundFiles,
    examine_folder as examine_folder,
    recognise_folder as recognise_folder,
)

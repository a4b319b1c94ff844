from .content import (
    FolderEvaluation as FolderEvaluation,
    folder_content as folder_content,
    left_out_findings as left_out_findings,
)
from .files import (
    FolderFiles as FolderFiles,
    find_files as find_files,
    recorded_samples as recorded_samples,
)
from .images import (
    cases_in as cases_in,
    embeddings_in as embeddings_in,
    on_image as on_image,
)

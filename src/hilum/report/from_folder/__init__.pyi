from .content import (
    FolderEvaluation as FolderEvaluation,
)
from .content import (
    folder_content as folder_content,
)
from .content import (
    left_out_findings as left_out_findings,
)
from .files import (
    FolderFiles as FolderFiles,
)
from .files import (
    find_files as find_files,
)
from .files import (
    recorded_samples as recorded_samples,
)
from .images import (
    cases_in as cases_in,
)
from .images import (
    embeddings_in as embeddings_in,
)
from .images import (
    on_image as on_image,
)

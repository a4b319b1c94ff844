from .content import (
    found_content as found_content,
)
from .files import (
    find as find,
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
from .tables import (
    Judging as Judging,
)

from .read import (
    PUBLISHED as PUBLISHED,
)
from .read import (
    Check as Check,
)
from .read import (
    Misprint as Misprint,
)
from .read import (
    Published as Published,
)
from .read import (
    PublishedTable as PublishedTable,
)
from .read import (
    PublishedValue as PublishedValue,
)
from .read import (
    Source as Source,
)
from .read import (
    read_published as read_published,
)

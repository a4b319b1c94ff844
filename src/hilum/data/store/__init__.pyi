from .dataset import (
    NamedData as NamedData,
)
from .dataset import (
    check_patients_comparable as check_patients_comparable,
)
from .dataset import (
    existing_store as existing_store,
)
from .dataset import (
    hidden as hidden,
)
from .dataset import (
    is_ingested as is_ingested,
)
from .dataset import (
    read_ingested as read_ingested,
)
from .dataset import (
    read_named as read_named,
)
from .deidentify import (
    with_hashed_identifiers as with_hashed_identifiers,
)
from .pooled import (
    PooledStore as PooledStore,
)
from .pooled import (
    pooled_ids as pooled_ids,
)
from .store import (
    Store as Store,
)
from .store import (
    build_store as build_store,
)
from .store import (
    open_store as open_store,
)

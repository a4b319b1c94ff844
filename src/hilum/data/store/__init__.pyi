from .deidentify import (
    with_hashed_identifiers as with_hashed_identifiers,
)
from .named_data import (
    NamedData as NamedData,
)
from .named_data import (
    check_patients_comparable as check_patients_comparable,
)
from .named_data import (
    is_ingested as is_ingested,
)
from .named_data import (
    open_or_build_store as open_or_build_store,
)
from .named_data import (
    pseudonymised as pseudonymised,
)
from .named_data import (
    read_ingested as read_ingested,
)
from .named_data import (
    read_named as read_named,
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

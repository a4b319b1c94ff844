from .deidentify import with_hashed_identifiers as with_hashed_identifiers
from .named_data import (
    NamedData as NamedData,
    check_patients_comparable as check_patients_comparable,
    is_ingested as is_ingested,
    open_or_build_store as open_or_build_store,
    pseudonymised as pseudonymised,
    read_ingested as read_ingested,
    read_named as read_named,
)
from .pooled import (
    PooledStore as PooledStore,
    pooled_ids as pooled_ids,
)
from .store import (
    Store as Store,
    build_store as build_store,
    open_store as open_store,
)

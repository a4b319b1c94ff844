from .address import (
    VARIABLE as VARIABLE,
    Address as Address,
    address_problem as address_problem,
    cache_folder as cache_folder,
    is_address as is_address,
    parse_address as parse_address,
)
from .fetch import (
    fetch_address as fetch_address,
    fetched as fetched,
    size_of_address as size_of_address,
)

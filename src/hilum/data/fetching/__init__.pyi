from .address import (
    VARIABLE as VARIABLE,
)
from .address import (
    Address as Address,
)
from .address import (
    address_problem as address_problem,
)
from .address import (
    cache_folder as cache_folder,
)
from .address import (
    is_address as is_address,
)
from .address import (
    parse_address as parse_address,
)
from .fetch import (
    fetch_address as fetch_address,
)
from .fetch import (
    fetched as fetched,
)
from .fetch import (
    size_of_address as size_of_address,
)

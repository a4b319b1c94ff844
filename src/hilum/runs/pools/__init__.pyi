from .copies import (
    Copy as Copy,
)
from .copies import (
    counted_once as counted_once,
)
from .copies import (
    equal_files as equal_files,
)
from .copies import (
    patients_beside as patients_beside,
)
from .pool_copies import (
    without_copies as without_copies,
)
from .pooling import (
    PooledImages as PooledImages,
)
from .pooling import (
    pooled_images as pooled_images,
)
from .pretraining_pool import (
    Pool as Pool,
)

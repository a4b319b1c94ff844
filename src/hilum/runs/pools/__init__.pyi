from .copies import (
    Copy as Copy,
    counted_once as counted_once,
    equal_files as equal_files,
    patients_beside as patients_beside,
)
from .pool_copies import (
    without_copies as without_copies,
)
from .pooling import (
    PooledImages as PooledImages,
    pooled_images as pooled_images,
)
from .pretraining_pool import (
    Pool as Pool,
)

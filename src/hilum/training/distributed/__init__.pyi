from .collectives import (
    all_gather as all_gather,
)
from .collectives import (
    all_gather_no_grad as all_gather_no_grad,
)
from .collectives import (
    all_reduce_max as all_reduce_max,
)
from .collectives import (
    all_reduce_mean as all_reduce_mean,
)
from .collectives import (
    all_reduce_sum as all_reduce_sum,
)
from .collectives import (
    barrier as barrier,
)
from .collectives import (
    broadcast as broadcast,
)
from .collectives import (
    broadcast_result as broadcast_result,
)
from .collectives import (
    global_mean_part as global_mean_part,
)
from .collectives import (
    own_shard as own_shard,
)
from .collectives import (
    rank as rank,
)
from .collectives import (
    world_size as world_size,
)
from .gradients import (
    average_gradients as average_gradients,
)
from .processes import (
    process_group as process_group,
)
from .processes import (
    run_directory as run_directory,
)
from .processes import (
    run_on_rank0 as run_on_rank0,
)
from .sync_batch_norm import (
    SyncBatchNormMode as SyncBatchNormMode,
)

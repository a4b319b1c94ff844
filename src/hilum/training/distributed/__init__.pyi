from .collectives import (
    all_gather as all_gather,
    all_gather_no_grad as all_gather_no_grad,
    all_reduce_max as all_reduce_max,
    all_reduce_mean as all_reduce_mean,
    all_reduce_sum as all_reduce_sum,
    barrier as barrier,
    broadcast as broadcast,
    broadcast_result as broadcast_result,
    global_mean_part as global_mean_part,
    own_shard as own_shard,
    rank as rank,
    world_size as world_size,
)
from .gradients import average_gradients as average_gradients
from .processes import (
    process_group as process_group,
    run_directory as run_directory,
    run_on_rank0 as run_on_rank0,
)
from .sync_batch_norm import SyncBatchNormMode as SyncBatchNormMode

from .collectives import (
    agreed as agreed,
)
from .collectives import (
    averaged as averaged,
)
from .collectives import (
    broadcast as broadcast,
)
from .collectives import (
    highest as highest,
)
from .collectives import (
    joined as joined,
)
from .collectives import (
    joined_constant as joined_constant,
)
from .collectives import (
    own_part as own_part,
)
from .collectives import (
    rank as rank,
)
from .collectives import (
    share_of_mean as share_of_mean,
)
from .collectives import (
    summed as summed,
)
from .collectives import (
    wait_for_all as wait_for_all,
)
from .collectives import (
    world_size as world_size,
)
from .gradients import (
    average_gradients as average_gradients,
)
from .processes import (
    by_the_first as by_the_first,
)
from .processes import (
    joined_processes as joined_processes,
)
from .processes import (
    run_directory as run_directory,
)
from .sync_batch_norm import (
    JoinedBatchNorm as JoinedBatchNorm,
)

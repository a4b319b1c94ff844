from .compute import (
    ComputeConfig as ComputeConfig,
)
from .compute import (
    ThisProcess as ThisProcess,
)
from .compute import (
    open_pool as open_pool,
)
from .local_processes import (
    LocalProcesses as LocalProcesses,
)
from .ray_cluster import (
    RayCluster as RayCluster,
)
from .tasks import (
    Ended as Ended,
)
from .tasks import (
    Pool as Pool,
)
from .tasks import (
    Resources as Resources,
)
from .tasks import (
    Task as Task,
)
from .tasks import (
    Work as Work,
)
from .tasks import (
    run_tasks as run_tasks,
)

from .compute import (
    ComputeConfig as ComputeConfig,
    ThisProcess as ThisProcess,
    open_pool as open_pool,
)
from .local_processes import LocalProcesses as LocalProcesses
from .ray_cluster import RayCluster as RayCluster
from .tasks import (
    Ended as Ended,
    Pool as Pool,
    Resources as Resources,
    Task as Task,
    Work as Work,
    run_tasks as run_tasks,
)

"""Pool of tasks on a Ray cluster whose nodes share a file system."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hilum
from hilum.errors import HilumError
from hilum.study.scheduling.tasks import Ended, Resources, Task, Work, begin_alone, outcome

LOCAL = "local"
"""Address of a cluster on this machine, which is started and stopped with the study."""


ANSWER_SECONDS = 5.0
"""Timeout for a connection to a cluster; Ray's own takes minutes."""


class RayCluster:
    """Pool that submits all tasks whose dependencies are done; the cluster assigns resources.

    Ray's retries are off: `run_tasks` restarts tasks that were lost with their node.

    Args:
        address: "local"; "auto" or HOST:PORT of a running cluster; or "ray://HOST:PORT" from outside of it.
        nodes_cpus: Cores of a local cluster; None: all.

    Raises:
        HilumError: Ray is not installed, or there is no cluster at this address.
    """

    def __init__(self, address: str, *, nodes_cpus: int | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported; disables telemetry
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ModuleNotFoundError:
            raise HilumError(
                f"--cluster {address}", expected="the package ray", found="none", fix="Install hilum[cluster]."
            ) from None
        self.address, self.nodes_cpus = address, nodes_cpus
        self._ray: Any = ray
        self._do: Any = None
        self._work: Any = None
        self._begun: dict[Any, str] = {}
        self._possible: set[Resources] = set()

    @contextmanager
    def connected(self) -> Iterator["RayCluster"]:
        """Connect to the cluster during the block; an existing connection is reused and kept."""
        if self._ray.is_initialized():
            yield self
            return
        _check_answers(self.address)
        given = {"num_cpus": self.nodes_cpus, "include_dashboard": False} if self.address == LOCAL else {}
        try:
            self._ray.init(
                address=self.address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False, **given
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise HilumError(
                f"--cluster {self.address}",
                expected="a Ray cluster",
                found=str(error).splitlines()[0],
                fix="Start one with `ray start --head`, or use --cluster local.",
            ) from error
        try:
            yield self
        finally:
            self._ray.shutdown()

    @property
    def gpus(self) -> int:
        """Number of GPUs of all nodes."""
        return int(self._ray.cluster_resources().get("GPU", 0))

    @contextmanager
    def working(self, work: Work) -> Iterator[None]:
        """Accept tasks of this work; running tasks are cancelled at the end of the block."""
        with self.connected():
            self._do = self._ray.remote(max_retries=0)(_do)
            self._work = self._ray.put(work)
            try:
                yield
            finally:
                for each in self._begun:
                    self._ray.cancel(each, force=True)
                self._begun = {}

    def has_room(self) -> bool:
        """Return True: the cluster queues tasks."""
        return True

    def begin(self, task: Task) -> None:
        """Submit a task.

        Raises:
            HilumError: No node has enough resources for it.
        """
        self._refuse_impossible(task.resources)
        cpus, gpus = task.resources.cpus, task.resources.gpus
        do = self._do.options(num_cpus=cpus, num_gpus=gpus, name=task.title)
        self._begun[do.remote([self._work], task.name, cpus, hilum.__version__)] = task.name

    def _refuse_impossible(self, asked: Resources) -> None:
        if asked in self._possible:
            return
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(node.get("CPU", 0) >= asked.cpus and node.get("GPU", 0) >= asked.gpus for node in nodes):
            most = max((int(node.get("CPU", 0)) for node in nodes), default=0)
            raise HilumError(
                "--cpus-per-step", expected=f"at most {most}, the cores of the largest node", found=f"{asked.cpus}",
                fix="Lower it.",
            )  # fmt: skip
        self._possible.add(asked)

    def ended(self, seconds: float) -> list[Ended]:
        """Return the tasks that ended; see `hilum.study.scheduling.Pool`."""
        ready, _ = self._ray.wait(list(self._begun), num_returns=1, timeout=seconds, fetch_local=False)
        lost, found = self._ray.exceptions, []
        for each in ready:
            name = self._begun.pop(each)
            try:
                found.append(Ended(name, self._ray.get(each)))
            except (lost.WorkerCrashedError, lost.NodeDiedError, lost.OutOfMemoryError, lost.ObjectLostError):
                found.append(Ended(name, lost=True))
            except lost.RayError as error:
                found.append(Ended(name, RuntimeError(f"{name}: {error}")))
        return found


_KNOWN: dict[str, Work] = {}
"""Cache of the work in a process of a node, so that it is received once."""


def _do(boxed: list[Any], name: str, cpus: int, version: str) -> Exception | None:
    """Run one task in a process of a node."""
    import ray

    if version != hilum.__version__:
        return HilumError(
            socket.gethostname(),
            expected=f"Hilum {version} on every node",
            found=hilum.__version__,
            fix="Install the same version on all nodes.",
        )
    begin_alone(cpus)
    [reference] = boxed
    known = reference.hex()
    if known not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[known] = ray.get(reference)
    return outcome(_KNOWN[known], name)


def _check_answers(address: str) -> None:
    """Refuse an address HOST:PORT without a listening process; Ray checks other addresses."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise HilumError(
            f"--cluster {address}",
            expected="a Ray cluster",
            found=f"nothing that answers ({error})",
            fix="Start one with `ray start --head`, or use --cluster local.",
        ) from error

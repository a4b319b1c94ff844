"""A study on a Ray cluster: the same bits as here, also where a node dies in the middle."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hilum.errors import HilumError
from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study
from hilum.study.scheduling import ComputeConfig, RayCluster, Resources, Task, open_pool, run_tasks

ray = pytest.importorskip("ray")

SIX_ARMS = """\
question: Six arms on two nodes
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion, Infiltration, Atelectasis]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  scratch: {encoder: resnet18}
  simclr: {encoder: resnet18, init: {pretrain: simclr, on: images}}
  mocov2: {encoder: resnet18, init: {pretrain: mocov2, on: images}}
  linear: {encoder: resnet18, finetune: {unfreeze: 0}}
  simclr_linear: {encoder: resnet18, init: {pretrain: simclr, on: images}, finetune: {unfreeze: 0}}
  tuned: {encoder: resnet18, finetune: {unfreeze: 0}, sweep: {search: grid, over: {lr: [1e-3, 1e-2]}}}
pretrain: {epochs: 2, batch_size: 32}
finetune: {epochs: 3, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 2}
explain: null
"""


def bits(out: Path) -> dict[str, bytes]:
    """Weights, scores, predictions, tables and what sweeps chose."""
    patterns = ("*.safetensors", "scores.parquet", "predictions/**/*.parquet", "metrics.parquet", "comparisons.parquet")
    paths = [path for pattern in patterns for path in out.rglob(pattern)]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


@pytest.fixture
def quiet_ray(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DEDUP_LOGS", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_study_of_six_arms_on_two_nodes_of_which_one_dies_has_the_bits_of_the_local_run(
    images, unseen, tmp_path, quiet_ray
):
    from ray.cluster_utils import Cluster

    study, here, there = parse_study(SIX_ARMS, where="six.yaml"), tmp_path / "here", tmp_path / "there"
    run_study(study, {"images": images}, here, show_step=unseen, workers=1)
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 150_000_000},
    )
    second = cluster.add_node(num_cpus=1, object_store_memory=150_000_000)
    seen: list[str] = []

    def kill_in_the_middle() -> None:
        """As soon as the dying node is in a training."""
        pids = ()
        while not pids:
            time.sleep(0.2)
            mine = _workers_of(second)
            pids = [
                lock for lock in there.rglob(".seed-0.lock") if any(f'"process": {pid}' in _read(lock) for pid in mine)
            ]
        seen.extend(lock.parent.name for lock in pids)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_in_the_middle, daemon=True)
    killer.start()
    try:
        large = [Task("large", "a large step", resources=Resources(cpus=3))]
        with pytest.raises(HilumError, match="--cpus-per-step: expected at most 1"):
            run_tasks(large, print, RayCluster(cluster.address))
        run_study(
            study, {"images": images}, there, show_step=unseen, workers=1, where=ComputeConfig(cluster=cluster.address)
        )
    finally:
        ray.shutdown()
        cluster.shutdown()
    killer.join(timeout=10)
    assert seen  # a training was under way on the node that died
    assert all(step.state == "done" for step in study_status(there))
    ours, theirs = bits(here), bits(there)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 20
    assert [name for name, content in ours.items() if theirs[name] != content] == []
    assert not list(there.rglob(".*"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _workers_of(node) -> set[int]:
    """Processes that the raylet of a node started."""
    raylet = node.all_processes["raylet"][0].process.pid
    message = subprocess.run(["ps", "-o", "pid=", "--ppid", str(raylet)], capture_output=True, text=True, check=False)
    return {int(line) for line in message.stdout.split()}


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_reported_at_once(address):
    began = time.monotonic()
    with (
        pytest.raises(HilumError, match=f"--cluster {address}: expected a Ray cluster; found nothing that answers"),
        open_pool(ComputeConfig(cluster=address)),
    ):
        pytest.fail("no cluster")
    assert time.monotonic() - began < 20


def test_ray_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HilumError, match=r"Install hilum\[cluster\]"), open_pool(ComputeConfig(cluster="local")):
        pytest.fail("no ray")

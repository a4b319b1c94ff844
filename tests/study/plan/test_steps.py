import pytest

from hilum.study.file import parse_study
from hilum.study.plan import shares_its_start

STUDY = """\
question: Which start?
data: {ours: {collection: chestxray14}, theirs: {collection: chestxray14}}
task: {on: ours, findings: [Effusion], split: {lists: official}}
preprocess: [{resize: 32}]
arms:
  scratch: {encoder: resnet18}
  simclr: {encoder: resnet18, init: {pretrain: simclr, on: theirs}}
  labels: {encoder: resnet18, init: {supervise: {on: theirs, findings: shared}}}
pretrain: {seeds: WHICH}
seeds: SEEDS
"""


@pytest.mark.parametrize(
    ("which", "seeds", "sharing"),
    [("first", "[0, 1]", {"simclr", "labels"}), ("each", "[0, 1]", set()), ("first", "[0]", set())],
)
def test_arms_share_a_start_where_several_seeds_go_on_from_one_training(which, seeds, sharing):
    text = STUDY.replace("WHICH", which).replace("SEEDS", seeds)
    study = parse_study(text, where="study.yaml")
    assert {arm for arm in study.arms if shares_its_start(study, arm)} == sharing

import math

import pytest
import torch

from hilum.errors import HilumError
from hilum.pretext.modules import TeacherMonitor, TeacherSchedule

SCHEDULE = TeacherSchedule(
    first_temperature=0.04, last_temperature=0.07, warmup_steps=30, first_momentum=0.996, total_steps=300
)


@pytest.mark.parametrize(("step", "value"), [(0, 0.04), (15, 0.055), (30, 0.07), (299, 0.07)])
def test_the_temperature_rises_along_a_line(step, value):
    assert SCHEDULE.temperature(step) == pytest.approx(value)


@pytest.mark.parametrize(("step", "value"), [(0, 0.996), (150, 0.998), (300, 1.0)])
def test_the_momentum_rises_along_a_cosine(step, value):
    assert SCHEDULE.momentum(step) == pytest.approx(value)


def test_without_a_warm_up_the_temperature_is_the_last():
    assert TeacherSchedule(0.04, 0.07, 0, 0.9, 10).temperature(0) == 0.07


def test_an_epoch_is_summed_up_and_forgotten():
    watch = TeacherMonitor(4)
    watch.update(torch.eye(4), torch.tensor(0.75))  # sure of each image, and every image another prototype
    assert watch.compute(5, "") == {"teacher_entropy": 0.0, "prototype_use": pytest.approx(1.0), "divergence": 0.75}
    assert watch.compute(5, "") == {}


def test_the_divergence_is_that_of_the_students_answers_from_the_teachers():
    """Kullback-Leibler divergence by its definition; the loss is the cross-entropy."""
    teacher, student = (
        torch.rand(6, 4, generator=torch.Generator().manual_seed(s), dtype=torch.float64).softmax(1) for s in (0, 1)
    )
    watch = TeacherMonitor(4)
    watch.update(teacher, -(teacher * student.log()).sum(1).mean())
    expected = (teacher * (teacher / student).log()).sum(1).mean()
    assert watch.compute(0, "")["divergence"] == pytest.approx(expected.item(), rel=1e-9)


def test_prototypes_may_be_used_by_other_answers_than_those_whose_entropy_is_reported():
    watch = TeacherMonitor(4, "assignment")
    watch.update(torch.eye(4), torch.tensor(1.0), soft=torch.eye(4)[[0, 0, 1]])
    use = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(4)
    assert watch.compute(0, "") == {"assignment_entropy": 0.0, "prototype_use": pytest.approx(use), "divergence": 1.0}
    watch.update(torch.eye(4), torch.tensor(1.0), soft=torch.eye(4)[[2, 2, 2]])
    with pytest.raises(HilumError, match="expected assignments that distinguish images; found one prototype for all"):
        watch.compute(1, "Lower it.")


def test_a_resumed_epoch_is_summed_up_whole():
    first, resumed, whole = TeacherMonitor(4), TeacherMonitor(4), TeacherMonitor(4)
    answers = [torch.rand(3, 4, generator=torch.Generator().manual_seed(s)).softmax(1) for s in range(2)]
    first.update(answers[0], torch.tensor(2.0))
    resumed.load_state_dict(first.state_dict())
    resumed.update(answers[1], torch.tensor(2.0))
    for part in answers:
        whole.update(part, torch.tensor(2.0))
    assert resumed.compute(0, "") == whole.compute(0, "")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (torch.full((6, 4), 0.25), "uniform outputs over all prototypes"),
        (torch.eye(4)[[2] * 6], "one prototype for all images"),
        (torch.full((6, 4), torch.nan), "uniform outputs"),
    ],
)
def test_a_teacher_that_says_nothing_stops_the_run_from_the_second_epoch(answers, message):
    watch = TeacherMonitor(4)
    watch.update(answers, torch.tensor(2.0))
    watch.compute(0, "Lower it.")
    watch.update(answers, torch.tensor(2.0))
    with pytest.raises(HilumError, match=rf"epoch 2: .*{message}.* Lower it\."):
        watch.compute(1, "Lower it.")

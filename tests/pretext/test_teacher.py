import pytest
import torch

from hilum.errors import HilumError
from hilum.pretext.teacher import TeacherSchedule, TeacherWatch

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
    watch = TeacherWatch(4)
    watch.note(torch.eye(4))  # sure of each film, and every film another prototype
    assert watch.look(5, "") == {"teacher_entropy": 0.0, "prototype_use": pytest.approx(1.0)}
    assert watch.look(5, "") == {}


def test_a_resumed_epoch_is_summed_up_whole():
    first, resumed, whole = TeacherWatch(4), TeacherWatch(4), TeacherWatch(4)
    answers = [torch.rand(3, 4, generator=torch.Generator().manual_seed(s)).softmax(1) for s in range(2)]
    first.note(answers[0])
    resumed.load_state_dict(first.state_dict())
    resumed.note(answers[1])
    for part in answers:
        whole.note(part)
    assert resumed.look(0, "") == whole.look(0, "")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (torch.full((6, 4), 0.25), "answers that are even over all prototypes"),
        (torch.eye(4)[[2] * 6], "one prototype for all films"),
        (torch.full((6, 4), torch.nan), "answers that are even"),
    ],
)
def test_a_teacher_that_says_nothing_stops_the_run_from_the_second_epoch(answers, told):
    watch = TeacherWatch(4)
    watch.note(answers)
    watch.look(0, "Lower it.")
    watch.note(answers)
    with pytest.raises(HilumError, match=rf"epoch 2: .*{told}.* Lower it\."):
        watch.look(1, "Lower it.")

import pytest

from hilum.phantom.image import Box
from hilum.phantom.layouts.vindr_images import DrawnImage, codes, consensus, readings, together
from hilum.phantom.population import population_images


@pytest.fixture
def drawn():
    def make(**severities):
        boxes = [Box("Cardiomegaly", 5.0, 10.0, 20.0, 10.0)] if "Cardiomegaly" in severities else []
        return DrawnImage(population_images(0, 1)[0], "a", "train", 32, 30, boxes, severities)

    return make


def test_nobody_misses_what_is_plain_and_somebody_what_is_faint(drawn):
    plain = [reading.marked for reading in readings(drawn(Cardiomegaly=0.6, Pneumonia=0.9), 0)]
    assert [set(seen) for seen in plain] == [{"Cardiomegaly", "Pneumonia"}] * 3
    seen = [len(reading.marked) for seed in range(40) for reading in readings(drawn(Cardiomegaly=0.25), seed)]
    assert 0.3 < sum(seen) / len(seen) < 0.7  # a severity of half the limit is missed half the time


def test_readers_are_three_different_ones_and_draw_on_the_image(drawn):
    for seed in range(20):
        expected = readings(drawn(Cardiomegaly=0.9), seed)
        assert len({reading.reader for reading in expected}) == 3
        for reading in expected:
            (box,) = reading.marked["Cardiomegaly"]
            assert abs(box.x - 5) <= 1
            assert abs(box.y - 10) <= 0.5
            assert 0 <= box.x < box.x + box.width <= 32
            assert 0 <= box.y < box.y + box.height <= 30


def test_the_consensus_is_what_is_there(drawn):
    assert consensus(drawn(Cardiomegaly=0.01)).marked == {"Cardiomegaly": [Box("Cardiomegaly", 5.0, 10.0, 20.0, 10.0)]}


def test_codes_of_readers_and_of_all_together(drawn):
    sick, well = codes(consensus(drawn(Pneumonia=0.5)), "vindr_cxr"), codes(consensus(drawn()), "vindr_cxr")
    assert (sick["Pneumonia"], sick["No Finding"], well["Pneumonia"], well["No Finding"]) == (1, 0, 0, 1)
    both = together([sick, well, sick])
    assert (both["Pneumonia"], both["No Finding"], both["Lung Cyst"]) == (-1, -1, 0)
    assert codes(consensus(drawn(Pneumonia=0.5)), "vinbigdata")["No Finding"] == 1  # not among its 14

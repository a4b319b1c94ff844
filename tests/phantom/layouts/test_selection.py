from itertools import islice

from hilum.phantom.layouts.images import hex_id, one_image_per_patient, severity, with_severities
from hilum.phantom.population import history, population_images


def test_each_patient_gives_the_first_image_of_the_view_or_none():
    chosen = list(islice(one_image_per_patient(0, "AP"), 10))
    assert len({image.patient for image in chosen}) == 10
    for image in chosen:
        assert image == next(own for own in history(0, image.patient) if own.view == "AP")
    skipped = set(range(1, chosen[-1].patient)) - {image.patient for image in chosen}
    assert skipped
    assert all(image.view == "PA" for patient in skipped for image in history(0, patient))


def test_an_image_shows_what_it_is_asked_to_and_stays_the_patients():
    image = population_images(0, 1)[0]
    changed = with_severities(image, {"Mass": 0.5})
    assert (dict(changed.severities), dict(changed.episodes)) == ({"Mass": 0.5}, {"Mass": 0})
    assert (changed.image_id, changed.patient, changed.width) == (image.image_id, image.patient, image.width)


def test_severities_and_ids_belong_to_image_layout_and_seed():
    one, other = population_images(0, 2)
    assert 0.5 <= severity(0, "kermany", one, 0.5) == severity(0, "kermany", one, 0.5) <= 1
    ids = [hex_id(0, "kermany", one), hex_id(0, "kermany", other), hex_id(1, "kermany", one), hex_id(0, "tbx11k", one)]
    assert len(set(ids)) == 4
    assert all(len(name) == 32 and int(name, 16) for name in ids)

from itertools import islice

from hilum.data.phantom.layouts.chosen import hex_id, one_film_a_patient, severity, showing
from hilum.data.phantom.population import films, history


def test_each_patient_gives_the_first_film_of_the_view_or_none():
    chosen = list(islice(one_film_a_patient(0, "AP"), 10))
    assert len({film.patient for film in chosen}) == 10
    for film in chosen:
        assert film == next(own for own in history(0, film.patient) if own.view == "AP")
    skipped = set(range(1, chosen[-1].patient)) - {film.patient for film in chosen}
    assert skipped
    assert all(film.view == "PA" for patient in skipped for film in history(0, patient))


def test_a_film_shows_what_it_is_told_to_and_stays_the_patients():
    film = films(0, 1)[0]
    changed = showing(film, {"Mass": 0.5})
    assert (dict(changed.severities), dict(changed.episodes)) == ({"Mass": 0.5}, {"Mass": 0})
    assert (changed.image_id, changed.patient, changed.width) == (film.image_id, film.patient, film.width)


def test_severities_and_ids_belong_to_film_layout_and_seed():
    one, other = films(0, 2)
    assert 0.5 <= severity(0, "kermany", one, 0.5) == severity(0, "kermany", one, 0.5) <= 1
    ids = [hex_id(0, "kermany", one), hex_id(0, "kermany", other), hex_id(1, "kermany", one), hex_id(0, "tbx11k", one)]
    assert len(set(ids)) == 4
    assert all(len(name) == 32 and int(name, 16) for name in ids)

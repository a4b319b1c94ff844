import json

import pytest
from hypothesis import given, strategies as st

from hilum.data.patients import own_salt, pseudonym, pseudonymised_names, salt_file, salt_name
from hilum.encoders.card import Card, read_card, write_card
from hilum.encoders.ledger import Ledger
from hilum.errors import HilumError

OTHER = b"the salt of another site"
STATED = {
    "encoder": "resnet18", "method": "simclr", "settings": {}, "preprocessing": [], "image_size": 32, "mean": 0.5,
    "std": 0.25, "seed": 0, "split": "", "n_training_images": 0,
}  # fmt: skip


def answers(ledger, *names):
    exposure = ledger.exposure_of(names)
    assert not (exposure.trained_on & exposure.not_known).any()
    assert ledger.contains(names).tolist() == exposure.trained_on.tolist()
    return [
        "not known" if unknown else bool(seen)
        for seen, unknown in zip(exposure.trained_on, exposure.not_known, strict=True)
    ]


def test_ids_and_pseudonyms_of_one_patient_meet_whichever_side_has_which():
    for entries in (["ours:17"], pseudonymised_names(["ours:17"])):
        ledger = Ledger([*entries, "chestxray14:13"])
        assert answers(ledger, "ours:17", *pseudonymised_names(["ours:17"])) == [True, True]
        assert answers(ledger, "ours:18", *pseudonymised_names(["ours:18"]), "theirs:17") == [False, False, False]
        assert answers(ledger, "chestxray14:13", *pseudonymised_names(["chestxray14:13"]), "chestxray14:17") == [
            True,
            True,
            False,
        ]


def test_what_cannot_be_compared_is_not_known_and_says_why():
    theirs = Ledger([*pseudonymised_names(["ours:17"], OTHER), "chestxray14:13"])
    assert answers(theirs, "ours:17", "ours:18", "chestxray14:14", "theirs:17") == [
        "not known",
        "not known",
        False,
        False,
    ]
    assert answers(theirs, *pseudonymised_names(["ours:17"], OTHER), *pseudonymised_names(["ours:18"], OTHER)) == [
        True,
        False,
    ]
    assert answers(theirs, *pseudonymised_names(["ours:17"])) == ["not known"]
    why = theirs.exposure_of(["ours:17"]).why_not_known
    assert why.startswith(f"the ledger has pseudonyms with salt {salt_name(OTHER)}, the data plain ids")
    with pytest.raises(HilumError, match="found 1 image of patients that cannot: the ledger has pseudonyms"):
        theirs.exposure_of(["ours:17", "theirs:1"]).refuse_not_known("--data ours")
    clear = Ledger(["ours:17"])
    assert answers(clear, *pseudonymised_names(["ours:17"], OTHER)) == ["not known"]


def test_the_salt_of_another_site_makes_its_ledger_readable(monkeypatch):
    theirs = Ledger(pseudonymised_names(["ours:17"], OTHER))
    monkeypatch.setenv("HILUM_PATIENT_SALT", OTHER.decode())
    assert answers(theirs, "ours:17", "ours:18") == [True, False]


def test_a_patient_found_under_one_salt_is_seen_whatever_else_is_wanting():
    both = Ledger([*pseudonymised_names(["ours:17"], OTHER), *pseudonymised_names(["ours:17", "ours:18"])])
    assert answers(both, "ours:17", "ours:19") == [True, "not known"]


def test_images_without_patient_ids_may_be_of_anybody():
    ledger = Ledger(pseudonymised_names(["ours:?a.png"]))
    assert answers(ledger, "ours:?a.png", "ours:?b.png", "ours:17", "theirs:17") == [True, False, "not known", False]
    assert ledger.exposure_of(["ours:17"]).why_not_known.endswith("have images without patient ids")
    named = Ledger(pseudonymised_names(["ours:17"]))
    assert answers(named, "ours:17", "ours:18", "ours:?a.png") == [True, False, "not known"]
    with pytest.raises(
        HilumError, match=r"without patient ids\. --include-training-patients continues without this check"
    ):
        named.exposure_of(["ours:?a.png"]).refuse_not_known("--data ours")


def test_an_empty_ledger_was_trained_on_nobody_and_needs_no_salt(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert answers(Ledger([]), "ours:1") == [False]
    assert answers(Ledger(["chestxray14:1"])) == []
    assert not salt_file().exists()


def test_patients_are_counted_by_issuer():
    assert Ledger(["ours:1", "ours:2", *pseudonymised_names(["ours:3"]), "chexpert:1"]).patients_of == {
        "chexpert": 1,
        "ours": 3,
    }


@given(
    st.lists(st.tuples(st.sampled_from(["ours", "theirs", "chexpert"]), st.integers(0, 9)), max_size=8),
    st.lists(st.tuples(st.sampled_from(["ours", "theirs", "chexpert"]), st.integers(0, 9)), max_size=8),
    st.data(),
)
def test_with_the_salt_at_hand_every_form_of_ledger_and_names_gives_the_same_answer(entries, asked, data):
    def written(pairs):
        names = [f"{issuer}:{number}" for issuer, number in pairs]
        return [data.draw(st.sampled_from([name, *pseudonymised_names([name])])) for name in names]

    assert answers(Ledger(written(entries)), *written(asked)) == [pair in entries for pair in asked]


def test_a_card_is_written_without_ids_and_an_old_one_is_read_as_it_is(tmp_path):
    card = Card(**STATED, training_patients=["ours:p-4711", "chestxray14:13"])
    write_card(card, tmp_path)
    assert "4711" not in (tmp_path / "card.json").read_text()
    written = read_card(tmp_path)
    assert (written.version, written.training_patients) == (3, pseudonymised_names(["ours:p-4711", "chestxray14:13"]))
    assert answers(written.ledger, "ours:p-4711", "ours:1") == [True, False]
    assert f"ours:{pseudonym('p-4711', own_salt())}" in written.training_patients

    old = {**STATED, "patients_seen": ["chestxray14:13", "ours:p-4711"], "images_seen": 0}  # names of that version
    del old["n_training_images"]
    (tmp_path / "card.json").write_text(json.dumps(old))
    assert read_card(tmp_path).version == 1
    assert answers(read_card(tmp_path).ledger, "ours:p-4711", "ours:1") == [True, False]
    write_card(read_card(tmp_path), tmp_path)
    assert read_card(tmp_path) == written


def test_a_card_of_a_later_version_is_refused(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({**STATED, "training_patients": [], "version": 4}))
    with pytest.raises(HilumError, match="version: Input should be less than or equal to 3"):
        read_card(tmp_path)

import pytest
from hypothesis import given, strategies as st

from hilum.errors import HilumError
from hilum.findings import COLLECTIONS, canonical, labelled_by, labelled_finding, labelled_spellings
from hilum.findings.vocabulary import VOCABULARY, bare_name, spellings

LABELLED = [(collection, finding) for collection in COLLECTIONS for finding in labelled_by(collection)]


@st.composite
def written(draw: st.DrawFn, words: list[str]) -> str:
    """A word in any case, with blanks, `_` and `-` put between its letters."""
    word = draw(st.sampled_from(words))
    return "".join(
        draw(st.sampled_from((letter.lower(), letter.upper()))) + draw(st.sampled_from(("", "", "", " ", "_", "-")))
        for letter in word
    )


@given(st.sampled_from(LABELLED), st.data())
def test_any_spelling_of_a_labelled_finding_is_that_finding(labelled, data):
    collection, finding = labelled
    known = [spelling for spelling, meant in labelled_spellings(collection).items() if meant == finding]
    known += [finding, labelled_by(collection)[finding]]
    assert labelled_finding(data.draw(written(known)), collection) == finding


@given(st.sampled_from([name for name in COLLECTIONS if name != "folder"]), written(list(spellings())))
def test_a_finding_that_a_collection_does_not_label_is_none_of_it(collection, name):
    meant = labelled_finding(name, collection)
    assert meant is None or meant in labelled_by(collection)
    if bare_name(name) not in map(bare_name, labelled_by(collection).values()):
        assert (meant is not None) == (canonical(name) in labelled_by(collection))


def test_the_words_of_a_collection_are_no_findings_of_another():
    assert labelled_finding("sick", "tbx11k") == "Other Disease"
    assert labelled_finding("sick", "chestxray14") is None
    assert labelled_finding("Fracture", "chestxray14") is None
    assert set(labelled_spellings("padchest").values()) == set(labelled_by("padchest")) <= set(VOCABULARY)
    with pytest.raises(HilumError, match="expected one of chestxray14"):
        labelled_finding("Mass", "nowhere")

from hilum.findings import DERIVED, VOCABULARY, parts_of


def test_derived_findings_and_their_parts_are_in_the_vocabulary():
    for finding, ways in DERIVED.items():
        assert {finding, *(part for parts in ways for part in parts)} <= set(VOCABULARY)
        assert all(finding not in parts for parts in ways)


def test_a_finding_follows_only_where_all_its_parts_are_labelled():
    assert parts_of("Nodule/Mass", {"Nodule", "Mass", "Edema"}) == ("Nodule", "Mass")
    assert parts_of("Nodule/Mass", {"Nodule"}) is None
    assert parts_of("Pneumonia", {"Bacterial Pneumonia", "Viral Pneumonia"}) == (
        "Bacterial Pneumonia",
        "Viral Pneumonia",
    )
    assert parts_of("Edema", {"Edema"}) is None

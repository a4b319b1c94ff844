from hilum.findings import COLLECTIONS, SHORT_NAMES, VOCABULARY, findings_by_collection, labelled_by


def test_every_label_of_every_collection_stands_in_its_row():
    rows = {row.finding: row for row in findings_by_collection()}
    for collection in COLLECTIONS:
        assert {f: row.native[collection] for f, row in rows.items() if collection in row.native} == labelled_by(
            collection
        )
    assert list(rows) == [finding for finding in VOCABULARY if finding in rows]


def test_what_follows_from_parts_is_distinguished_from_what_is_labelled():
    row = next(row for row in findings_by_collection() if row.finding == "Nodule/Mass")
    assert row.parts["chestxray14"] == ("Nodule", "Mass")
    assert "chestxray14" not in row.native


def test_every_collection_with_labels_has_a_short_name_of_its_own():
    assert set(SHORT_NAMES) == set(COLLECTIONS) - {"folder"}
    assert len(set(SHORT_NAMES.values())) == len(SHORT_NAMES)

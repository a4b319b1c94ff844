import pytest

from hilum.errors import HilumError, HilumErrors
from hilum.report.layouts import LAYOUTS, read_layout

OWN = """\
title: Mine
published: numbers.yaml
tables:
  - name: one
    title: "AUROC."
    published: first
    cells: {value: auroc}
    rows: [{each: findings}]
    columns: [{title: A, arm: scratch}]
"""
NUMBERS = (
    "paper: mine\ncitation: me\ntables:\n  first: {title: t, source: {table: T1}, columns: [A], rows: {Edema: [0.7]}}\n"
)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_names_tables_of_its_paper_and_all_of_its_tables(name):
    layout, published = read_layout(name)
    assert published is not None
    named = {table.published for table in layout.tables}
    for table, content in published.tables.items():
        counted = table in {check.table for check in published.checks}
        drawn = table.startswith("fig")  # the study's own matrices stand beside
        assert table in named or counted or drawn or content.source.table == "Table I"


def test_a_layout_of_ones_own_finds_its_numbers_beside_it(tmp_path):
    (tmp_path / "numbers.yaml").write_text(NUMBERS)
    (tmp_path / "mine.yaml").write_text(OWN)
    layout, published = read_layout(tmp_path / "mine.yaml")
    assert layout.title == "Mine"
    assert published.tables["first"].value("Edema", "A").value == 0.7


def test_all_mistakes_of_a_layout_are_reported_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("value: auroc", "valeu: auroc").replace("each: findings", "each: finding"))
    with pytest.raises(HilumErrors) as error:
        read_layout(path)
    assert "tables.0.cells.valeu" in str(error.value)
    assert "tables.0.rows.0.each" in str(error.value)


def test_a_table_that_the_paper_does_not_have_is_refused(tmp_path):
    (tmp_path / "numbers.yaml").write_text(NUMBERS)
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace("published: first", "published: second"))
    with pytest.raises(HilumError, match="second"):
        read_layout(path)


def test_an_unknown_layout_names_the_known_ones():
    with pytest.raises(HilumError, match="kivotova2021"):
        read_layout("kivotova2022")

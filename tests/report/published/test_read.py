"""The transcribed numbers agree with themselves: sums, means and margins that the papers state elsewhere."""

import statistics

import pytest

from hilum.errors import HilumError, HilumErrors
from hilum.report.published import PUBLISHED, PublishedTable, read_published


def column(table: PublishedTable, name: str, *without: str) -> list[float]:
    cells = (table.value(row, name) for row in table.rows if row not in without)
    return [cell.value for cell in cells if cell is not None]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_paper_is_read_and_every_table_says_where_it_stands(name):
    published = read_published(name)
    assert published.paper == name
    assert all(
        table.source.table and (table.source.section or table.source.page) for table in published.tables.values()
    )
    assert all(misprint.reason for table in published.tables.values() for misprint in table.misprints)


def test_study_1_table_1_adds_up():
    table = read_published("elwirehardja2025").tables["table1"]
    for name in ("total", "test", "val", "train", "resampled"):
        assert sum(column(table, name, "Total")) == table.value("Total", name).value
    for row in table.rows:
        total, *parts = (table.value(row, name).value for name in ("total", "test", "val", "train"))
        assert total == sum(parts)
    assert table.misprint("Pneumothorax", "val").printed == "2438"


@pytest.mark.parametrize(
    ("figure", "recall", "precision"), [("fig3_dinov2", 0.233, 0.720), ("fig3_chexnet", 0.328, 0.749)]
)
def test_study_1_confusion_matrices_give_the_printed_recall_and_precision(figure, recall, precision):
    tables = read_published("elwirehardja2025").tables
    matrix, counts = tables[figure], tables["table1"]
    rows = {row: [cell.value for cell in cells] for row, cells in matrix.rows.items()}
    assert {row: sum(cells) for row, cells in rows.items()} == {
        row: counts.value(row, "test").value for row in matrix.columns
    }
    right = [rows[name][place] for place, name in enumerate(matrix.columns)]
    assert statistics.mean(n / sum(rows[name]) for n, name in zip(right, matrix.columns, strict=True)) == pytest.approx(
        recall, abs=5e-4
    )
    place = matrix.columns.index("No Finding")
    assert right[place] / sum(row[place] for row in rows.values()) == pytest.approx(precision, abs=5e-4)


def test_study_1_class_aucs_average_to_the_tables_of_the_models():
    tables = read_published("elwirehardja2025").tables
    models = (
        ("table2", "swav"),
        ("table3", "dino"),
        ("table4", "convnextv2"),
        ("table5", "dinov2"),
        ("table6", "chexnet"),
    )
    for table, name in models:
        best = tables[table].value(tables[table].best, "auroc").value
        assert statistics.mean(column(tables["table7"], name)) == pytest.approx(best, abs=6e-4)
    assert sum(column(tables["table7"], "train_share")) == pytest.approx(100, abs=0.01)


def test_study_2_means_are_the_printed_ones():
    table = read_published("toh2023").tables["table1"]
    for name in table.columns:
        mean = statistics.mean(column(table, name, "Average AUROC", "Trainable parameters"))
        assert mean == pytest.approx(table.value("Average AUROC", name).value, abs=6e-4)


def test_study_4_averages_and_spreads_are_those_of_the_labels():
    table = read_published("tayebiarasteh2024").tables["table5"]
    for name in table.columns:
        values, average = column(table, name, "Average", "p"), table.value("Average", name)
        assert statistics.mean(values) == pytest.approx(average.value, abs=0.011)
        # The printed spread is that over labels, of the population, with a little of the bootstrap's own.
        assert statistics.pstdev(values) == pytest.approx(average.spread, abs=0.4)


def test_a_cell_that_is_no_number_is_refused_by_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "paper: mine\ncitation: me\ntables:\n"
        "  one: {title: t, source: {table: T1}, columns: [a, b], rows: {x: [1, about 2], y: [0.5 ± 0.1, null]}}\n"
    )
    with pytest.raises(HilumErrors, match=r"tables\.one\.rows\.x\.1") as error:
        read_published(path)
    assert "neither a number nor" in str(error.value)
    path.write_text(path.read_text().replace("about 2", "2"))
    table = read_published(path).tables["one"]
    assert (table.value("y", "a").value, table.value("y", "a").spread, table.value("y", "b")) == (0.5, 0.1, None)
    path.write_text(path.read_text().replace("[1, 2]", "[1]"))
    with pytest.raises(HilumErrors, match="x do not have 2 cells"):
        read_published(path)


def test_an_unknown_paper_names_the_known_ones():
    with pytest.raises(HilumError, match="toh2023"):
        read_published("toh2024")

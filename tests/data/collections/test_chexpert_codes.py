import polars as pl
import pytest

from hilum.data.collections.chexpert_codes import codes, wrong_codes
from hilum.findings import CHEXPERT


@pytest.mark.parametrize(
    ("written", "code"),
    [("1.0", 1), ("1", 1), ("0.0", 0), ("0", 0), ("-1.0", -1), ("-1", -1), (None, None)],
)
def test_every_way_to_write_a_code_is_that_code(written, code):
    table = pl.DataFrame({name: [written] for name in CHEXPERT}, schema=dict.fromkeys(CHEXPERT, pl.String))
    read = table.select(codes())
    assert set(read.row(0)) == {code}
    assert set(read.dtypes) == {pl.Int8}
    assert not any(table.select(wrong).to_series().any() for wrong, _ in wrong_codes().values())


@pytest.mark.parametrize("written", ["2.0", "nan", "-1.00", "positive", "1.0 "])
def test_anything_else_is_wrong(written):
    table = pl.DataFrame({name: [written] for name in CHEXPERT})
    assert all(table.select(wrong).to_series().all() for wrong, _ in wrong_codes().values())

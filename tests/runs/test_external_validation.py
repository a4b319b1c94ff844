"""External validation from Python: tables in memory give the numbers of the command, and write nothing."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum
from hilum.cli import make_app
from hilum.errors import HilumError


@pytest.fixture
def predictions(tmp_path):
    """Predictions of one model on its own and another test set, as tables and as files."""
    tables = {}
    for tested, signal in (("nih", 2.0), ("chexpert", 0.7)):
        rng = np.random.default_rng(len(tested))
        label = rng.random(120) < 0.4
        columns = {
            "image_id": [f"{tested}{i}" for i in range(120)],
            "split": ["test"] * 120,
            "y_Mass": label.astype(int),
        }
        tables["nih", tested] = pl.DataFrame(
            {**columns, "p_Mass": 1 / (1 + np.exp(-signal * label - rng.normal(size=120)))}
        )
        tables["nih", tested].write_parquet(tmp_path / f"{tested}.parquet")
    return tables


def test_tables_in_memory_give_the_numbers_of_the_command(predictions, tmp_path):
    result = hilum.external_validation(predictions, n_bootstrap=100)
    cells = [f"nih:{name}={tmp_path / name}.parquet" for name in ("nih", "chexpert")]
    ran = CliRunner().invoke(
        make_app(), ["external-validation", *cells, "--n-bootstrap", "100", "--out", str(tmp_path / "out")]
    )
    assert ran.exit_code == 0, ran.output
    assert pl.read_parquet(tmp_path / "out" / "external.parquet").equals(result.external)
    assert result.directory is None
    assert result.summary[0] == "nih: 120 images of 120 patients · split test"
    assert "tested_on" in repr(result)


def test_one_test_set_is_no_external_validation(predictions):
    with pytest.raises(HilumError, match="expected at least one external test set; found nih:nih"):
        hilum.external_validation({("nih", "nih"): predictions["nih", "nih"]})

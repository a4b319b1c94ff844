import json

import polars as pl

from hilum.artifacts import file_sha256
from hilum.evaluation.tables import write_results


def test_results_are_written_beside_what_was_there_and_name_their_source(tmp_path):
    source = tmp_path / "predictions.csv"
    source.write_text("anything")
    table = pl.DataFrame({"finding": ["macro"], "estimate": [0.75]})
    written = write_results(tmp_path, "metrics", table, predictions=[source], settings={"n_bootstrap": 100})
    assert pl.read_parquet(written).equals(table)
    assert pl.read_csv(tmp_path / "metrics.csv").equals(table)
    about = json.loads((tmp_path / "metrics.json").read_text())
    assert about["predictions"] == [{"path": str(source), "sha256": file_sha256(source)}]
    assert about["n_bootstrap"] == 100
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"predictions.csv", "metrics.parquet", "metrics.csv", "metrics.json"}

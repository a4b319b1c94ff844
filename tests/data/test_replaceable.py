"""Output directories: only those of Hilum's own output are replaced."""

import pytest

from hilum.data.replaceable import check_replaceable
from hilum.errors import HilumError


def test_what_a_killed_run_leaves_is_its_own(tmp_path):
    for name in ("table.parquet", ".table.parquet.2456.partial", ".table.parquet.partial", ".table.parquet.lock"):
        (tmp_path / name).touch()
    check_replaceable(tmp_path, ["table.parquet"])
    (tmp_path / ".thesis.docx.12.partial").touch()
    with pytest.raises(HilumError, match=r"found 1 other file or folder in it \(.thesis.docx.12.partial\)"):
        check_replaceable(tmp_path, ["table.parquet"])


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(HilumError, match="found a file"):
        check_replaceable(tmp_path / "out", [])

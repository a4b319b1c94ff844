from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs and tables beside the repository (`../shared/data`)."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real radiographs (../shared/data) are not here")
    return SHARED_DATA

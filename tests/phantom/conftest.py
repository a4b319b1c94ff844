from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def anew(radiographs_once: Callable[..., Any] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Radiographs are computed in this test, also those that another test has computed."""
    if radiographs_once is not None:
        monkeypatch.setattr("hilum.phantom.image.take_radiograph", radiographs_once)


@pytest.fixture(autouse=True)
def anew_beside_layouts(request: pytest.FixtureRequest) -> None:
    if "layouts" not in request.path.parts:
        request.getfixturevalue("anew")

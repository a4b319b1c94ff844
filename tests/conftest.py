import atexit
import gc
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
"""The same examples in every run, on a slow machine too; `HYPOTHESIS_PROFILE=search` looks for new ones."""

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WATCH = """<script>
  const errors = [];
  addEventListener("error", (event) => errors.push(event.message));
  addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
  addEventListener("securitypolicyviolation", (event) => errors.push("refused " + event.blockedURI));
  for (const kind of ["error", "warn"]) console[kind] = (...words) => errors.push(words.join(" "));
</script>"""
PROBE = """<script>addEventListener("load", async () => {
  const found = {};
  const tick = (ms = 60) => new Promise((done) => setTimeout(done, ms));
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const ink = (canvas) => {
    const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let i = 0; i < bytes.length; i++) sum += bytes[i] * (1 + (i % 7));
    return sum;
  };
  try {
    SCRIPT
  } catch (error) { errors.push(String(error)); }
  found.wide = document.documentElement.scrollWidth - innerWidth;
  found.width = innerWidth;
  found.requests = performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length;
  found.errors = errors;
  document.title = JSON.stringify(found);
});</script>"""

SMALL_ENCODER = Path(__file__).with_name("small_encoder")
"""A folder as pip leaves it, with a package that adds the encoder `small_convnet`."""
ITS_ROOMS = {"study", "finetuning", "pretext", "prediction", "runs", "cli"}
"""Elsewhere the catalogue is Hilum's own."""

gc.disable()  # until all is imported: modules and tests are not garbage, and a look through all of them takes long


def pytest_collection_finish() -> None:
    """What was imported stays, and is not looked through again."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Libraries complain of what is left at the end; pytest looks through all before, five times, which takes seconds."""
    atexit.register(gc.unfreeze)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests of some rooms find an encoder that trains in no time, as one that an installed package adds."""
    from hilum.extensions import ENCODERS, added

    if item.path.relative_to(Path(__file__).parent).parts[0] not in ITS_ROOMS:
        return (yield)
    point = EntryPoint("small_convnet", "small_convnet:SMALL_CONVNET", ENCODERS)
    points = added(ENCODERS)  # as the packages that are installed have them
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(SMALL_ENCODER), *sys.path])
        patch.setenv("PYTHONPATH", str(SMALL_ENCODER), prepend=os.pathsep)  # for processes that a test starts
        patch.setitem(points, point.name, point)
        try:
            return (yield)
        finally:
            if "hilum.encoders.zoo" in sys.modules:  # what was imported for it
                sys.modules["hilum.encoders.zoo"].FAMILIES.pop("small_convnet:FAMILY", None)


@pytest.fixture(scope="session", autouse=True)
def settings_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads, or leaves anything among, the settings of whoever runs it, such as the salt for patients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HILUM_PATIENT_SALT", raising=False)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(scope="session", autouse=True)
def radiographs_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any] | None]:
    """A radiograph of the phantom, a function of its arguments, is computed once for all processes of pytest.

    Most data sets of tests show the same patients, at other sizes or in other layouts. Gives the function that computes
    it, for tests of the phantom itself; None if no test uses it.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared) / "radiographs"
    shared.mkdir(exist_ok=True)
    image = sys.modules.get("hilum.phantom.image")  # imported with the tests that use it
    anew = None if image is None else image.take_radiograph
    with pytest.MonkeyPatch.context() as patch:
        if image is not None and anew is not None:

            def once(*arguments: Any) -> Any:
                kept = shared / f"{sha256(repr(arguments).encode()).hexdigest()}.pickle"
                if kept.is_file():
                    return pickle.loads(kept.read_bytes())
                taken = anew(*arguments)
                beside = kept.with_suffix(f".{os.getpid()}")
                beside.write_bytes(pickle.dumps(taken))
                beside.replace(kept)
                return taken

            patch.setattr(image, "take_radiograph", once)
        yield anew


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs and tables beside the repository (`../shared/data`)."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real radiographs (../shared/data) are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a directory of this name, and only one for all processes of pytest; nobody may change it."""
    from hilum.artifacts import locked

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def once(name: str, make: Callable[[Path], object]) -> Path:
        directory = shared / "made_once" / name
        with locked(directory, wait_seconds=300):
            if not directory.exists():
                beside = directory.with_name(f"unfinished-{directory.name}")
                make(beside)
                beside.rename(directory)
        return directory

    return once


@pytest.fixture(scope="session")
def generated(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[..., Path]:
    """Generated images in a native layout: layout, images, seed; 48 px."""

    def images_of(layout: str, images: int, seed: int) -> Path:
        from hilum.phantom import write_layout
        from hilum.progress import silent

        def write(directory: Path) -> None:
            write_layout(layout, directory, images=images, size=48, seed=seed, workers=1, on_progress=silent)

        return made_once(f"{layout}-{images}-{seed}/images", write)

    return images_of


@pytest.fixture(scope="session")
def in_layout(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[str], tuple[Path, Any]]:
    """`in_layout("chexpert")`: the folder of 36 generated images of 32 px in that layout, seed 0, and what they say
    (`hilum.phantom.GeneratedDataset`)."""

    def generate(layout: str) -> tuple[Path, Any]:
        from hilum.phantom import write_layout

        def write(directory: Path) -> None:
            written = write_layout(layout, directory / "images", images=36, size=32, seed=0, workers=1)
            (directory / "written.pickle").write_bytes(pickle.dumps(written))

        made = made_once(f"in_layout/{layout}", write)
        return made / "images", pickle.loads((made / "written.pickle").read_bytes())

    return generate


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Opens a page in a headless Chromium and runs a script in it that fills `found`.

    What it gives holds, too, `errors` of the console, `requests` that left the page, `width` of the window in px, and by
    how many px the page is wider.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium here")

    def opened(page: Path, script: str, *, width: int = 1280) -> dict[str, Any]:
        directory = tmp_path_factory.mktemp("browser")
        html = page.read_text(encoding="utf-8").replace("<style>", f"{WATCH}<style>", 1)
        probed = directory / "page.html"
        probe = PROBE.replace("SCRIPT", script)
        probed.write_text(html.replace("</body>", f"{probe}</body>"), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=8000"]
        options += [f"--user-data-dir={directory / 'profile'}", f"--window-size={width},900", "--dump-dom"]
        dom = subprocess.run(
            [CHROMIUM, *options, probed.as_uri()], capture_output=True, text=True, timeout=90, check=True
        )
        title = re.search(r"<title>(\{.*?\})</title>", dom.stdout)
        assert title, "the script did not come to its end"
        found: dict[str, Any] = json.loads(title[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
        return found

    return opened

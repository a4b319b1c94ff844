import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from hilum.data.pixels import read_gray
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.serving import Limits
from hilum.serving.page import page_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SPEC = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
browser_module = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(browser_module)


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with browser_module.Browser(CHROMIUM, tmp_path / "profile") as opened:
        yield opened


def test_a_radiograph_is_chosen_and_its_probabilities_are_shown(browser, client, images, tmp_path):
    dicom = tmp_path / "a <b>bold<b> name.dcm"
    header = {"Modality": "CR", "ViewPosition": "PA"}
    kind = ComputedRadiographyImageStorage
    gray = read_gray(images[1])
    write_dicom(dicom, gray, Encoding(ExplicitVRLittleEndian, 8), kind=kind, name="a", header=header)
    broken = tmp_path / "broken.png"
    broken.write_bytes(images[0].read_bytes()[:300])
    browser.call("Page.navigate", url=str(client.base_url))
    browser.wait_for("document.readyState === 'complete' && document.querySelectorAll('#measured tr').length > 0")
    browser.choose_files("#files", [images[0], dicom, broken])
    browser.wait_for("document.querySelectorAll('.item').length === 3")
    assert browser.evaluate("document.querySelector('#status').textContent") == "2 of 3 scored."
    names = browser.evaluate("[...document.querySelectorAll('.item h3')].map((each) => each.textContent)")
    assert names == [images[0].name, dicom.name, "broken.png"]
    contents = [path.read_bytes() for path in (images[0], dicom)]
    answer = client.post("/predict", files=[("files", ("x", content)) for content in contents]).json()
    cells = "[...document.querySelectorAll('.item:nth-child(NUMBER) tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    for number, item in enumerate(answer["items"], start=1):
        shown = browser.evaluate(cells.replace("NUMBER", str(number)))
        for row, each in zip(shown, item["findings"], strict=True):
            assert row[0] == each["finding"]
            assert float(row[1]) == pytest.approx(each["probability"], abs=6e-4)
            assert float(row[4]) == pytest.approx(each["threshold"], abs=6e-4)
            assert row[5] == ("called" if each["call"] else "not called")
    assert browser.evaluate("document.querySelector('.item.error p').textContent").startswith(
        "Not scored: not a readable radiograph"
    )
    # the heat map lies on the image, and the slider changes how much of it is seen
    assert browser.evaluate("document.querySelector('.look img').naturalWidth") == 64
    opacity = "getComputedStyle(document.querySelector('.heat')).opacity"
    assert browser.evaluate(opacity) == "0.5"
    browser.evaluate(
        "(() => { const slider = document.querySelector('.controls input'); slider.value = 0.2;"
        " slider.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    assert browser.evaluate(opacity) == "0.2"
    measured = browser.evaluate("document.querySelector('#about').textContent")
    auroc = next(each for each in client.get("/card").json()["measured"] if each["metric"] == "auroc")
    assert f"{auroc['ci_low']:.3f} to {auroc['ci_high']:.3f}" in measured
    assert browser.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert browser.complaints == []
    own = str(client.base_url).rstrip("/")
    assert [url for url in browser.requests if not url.startswith(("data:", own, "about:"))] == []
    screenshot = browser.call("Page.captureScreenshot")  # something is drawn
    import base64
    import io

    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(screenshot["data"]))).convert("L"))
    assert drawn.std() > 5


def test_a_file_that_is_dropped_is_scored(browser, client, images):
    import base64

    browser.call("Page.navigate", url=str(client.base_url))
    browser.wait_for("document.readyState === 'complete' && document.querySelectorAll('#measured tr').length > 0")
    content = base64.b64encode(images[2].read_bytes()).decode()
    browser.evaluate(
        f"(() => {{ const bytes = Uint8Array.from(atob('{content}'), (each) => each.charCodeAt(0));"
        " const dropped = new DataTransfer(); dropped.items.add(new File([bytes], 'dropped.png'));"
        " document.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, cancelable: true })); })()"
    )
    browser.wait_for("document.querySelectorAll('.item tbody tr').length === 2")
    assert browser.complaints == []


def test_the_page_holds_all_that_it_needs_and_no_text_breaks_out_of_it():
    card = {"name": "</script><script>alert(1)</script>"}
    page, policy = page_of(card, Limits())
    assert "<script>alert" not in page
    assert "://" not in page
    assert "default-src 'none'" in policy

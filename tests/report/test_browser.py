"""The whole page in a real browser: nothing fails, nothing is loaded, everything answers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hilum.report.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

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

  const header = all("#table-results_auroc thead th")[1];
  const shown = () => all("#table-results_auroc tbody td:nth-child(2)").map((cell) => cell.textContent);
  header.click(); found.down = shown();
  header.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" })); found.up = shown();

  const plot = one("figure.scatter"), board = one(".board > canvas", plot), peek = one(".peek", plot);
  const ink = (canvas) => {
    const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let i = 0; i < bytes.length; i++) sum += bytes[i] * (1 + (i % 7));
    return sum;
  };
  await tick(200);
  const points = JSON.parse(one(".points", plot).textContent), box = board.getBoundingClientRect();
  const place = (value) => 10 + (value / 1000) * (box.width - 20);
  board.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + place(points.x[3]), clientY: box.top + place(points.y[3]) }));
  found.pointed = { name: points.name[3], told: one("p", peek).textContent, hidden: peek.hidden, ink: ink(one("canvas", peek)) > 0 };
  board.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.stepped = one("p", peek).textContent;
  const before = ink(board);
  one(".key button", plot).click();
  found.faded = ink(board) !== before;

  const cases = one("figure.cases"), finding = one(".finding", cases), show = one(".show", cases);
  const films = JSON.parse(one(".films", cases).textContent).cases;
  const view = () => ink(one(".view canvas", cases));
  const pick = (select, value) => { select.value = value; select.dispatchEvent(new Event("change")); };
  found.views = all(".view", cases).length;
  const slider = one(".opacity", cases), boxes = one(".boxes", cases);
  slider.value = 0; slider.dispatchEvent(new Event("input")); const bare = view();
  slider.value = 100; slider.dispatchEvent(new Event("input")); found.slides = view() !== bare;
  boxes.click(); const unboxed = view(); boxes.click(); found.boxed = view() !== unboxed;
  const count = () => one("output", cases).textContent;
  found.counts = { all: count() };
  const first = one(".film-name", cases).textContent;
  one(".on", cases).click();
  found.walked = one(".film-name", cases).textContent !== first;
  for (const rule of ["positive", "negative", "right", "wrong", "disagree", "boxed"]) { pick(show, rule); found.counts[rule] = count(); }
  pick(show, "all"); finding.selectedIndex = 1; finding.dispatchEvent(new Event("change"));
  found.chosen = one("tr.chosen th", cases).textContent;

  for (const fold of all("details")) fold.open = true;
  found.figures = all(".panel svg").length;
  found.blank = all(".panel svg").filter((svg) => svg.getBoundingClientRect().height < 40).length;
  found.unnamed = all("button, select, input, canvas[role], svg[role]").filter((part) =>
    !(part.getAttribute("aria-label") || part.textContent.trim() || part.labels?.length)).length;
  found.wide = document.documentElement.scrollWidth - innerWidth;
  found.width = innerWidth;
  found.requests = performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length;
  found.errors = errors;
  document.title = JSON.stringify(found);
});</script>"""


def opened(page: Path, directory: Path, width: int) -> dict:
    """What the probe found, the page opened in a window of this width."""
    html = page.read_text(encoding="utf-8").replace("<style>", f"{WATCH}<style>", 1)
    probed = directory / f"probe{width}.html"
    probed.write_text(html.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=8000"]
    options += [f"--user-data-dir={directory / 'profile'}", f"--window-size={width},900"]
    dom = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", probed.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    title = re.search(r"<title>(\{.*?\})</title>", dom.stdout)
    assert title, "the probe did not come to its end"
    return json.loads(title[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.fixture(scope="module")
def written(full, tmp_path_factory) -> Path:
    return write_report(full, tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def found(written, tmp_path_factory) -> dict:
    return opened(written, tmp_path_factory.mktemp("wide"), 1280)


def test_nothing_fails_and_nothing_is_loaded(found):
    assert found["errors"] == []
    assert found["requests"] == 0


def test_tables_sort_by_mouse_and_keyboard(found):
    assert found["up"] == sorted(found["up"])
    assert found["down"] == found["up"][::-1]


def test_the_film_under_the_mouse_is_shown_and_keys_go_on(found):
    pointed = found["pointed"]
    assert pointed["told"].startswith(pointed["name"])
    assert not pointed["hidden"]
    assert pointed["ink"]
    assert found["stepped"] != pointed["told"]
    assert found["faded"]


def test_heat_maps_fade_and_boxes_come_and_go(found):
    assert found["views"] == 2
    assert found["slides"]
    assert found["boxed"]
    assert found["walked"]


def test_films_are_chosen_by_what_arms_said_of_them(found, full):
    counts = {rule: int(text.split(" of ")[1]) if " of " in text else 0 for rule, text in found["counts"].items()}
    finding = next(iter(full.predictions.values()))[0].findings[0]
    ids = [case.image_id for case in full.cases]
    assert counts["all"] == len(ids)
    frame = next(iter(full.predictions.values()))[0].frame
    labels = dict(zip(frame["image_id"], frame[f"y_{finding}"], strict=True))
    assert counts["positive"] == sum(labels[image_id] == 1 for image_id in ids)
    assert counts["positive"] + counts["negative"] == counts["all"]
    right = []
    for arm, runs in full.predictions.items():
        cut = sum(one.values[finding] for one in full.thresholds[arm]) / len(runs)
        mean = sum(dict_of_scores(run, finding)[1] for run in runs) / len(runs)
        called = dict(zip(dict_of_scores(runs[0], finding)[0], mean >= cut, strict=True))
        right.append([called[image_id] == (labels[image_id] == 1) for image_id in ids])
    assert counts["right"] == sum(all(arms) for arms in zip(*right, strict=True))
    assert counts["wrong"] == sum(not any(arms) for arms in zip(*right, strict=True))
    assert counts["disagree"] == counts["all"] - counts["right"] - counts["wrong"]
    assert counts["boxed"] == sum(any(box.finding == finding for box in case.boxes) for case in full.cases)
    assert found["chosen"] == next(iter(full.predictions.values()))[0].findings[1]


def dict_of_scores(run, finding):
    return run.image_ids, run.scores[:, run.findings.index(finding)]


def test_every_figure_is_there_and_every_control_has_a_name(found, written):
    inline = len(re.findall(r'<div class="panel"', written.read_text(encoding="utf-8")))
    assert found["figures"] == inline > 15
    assert found["blank"] == 0
    assert found["unnamed"] == 0


def test_a_phone_has_no_sideways_scrolling(written, tmp_path):
    found = opened(written, tmp_path, 320)
    assert found["errors"] == []
    assert found["width"] <= 500  # some builds do not go below
    assert found["wide"] <= 0

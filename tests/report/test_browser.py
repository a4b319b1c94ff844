"""The whole page in a real browser: nothing fails, nothing is loaded, everything answers."""

import re
from pathlib import Path

import pytest

PROBE = """
  found.folded = all("details.fold").length;
  location.hash = "#reading"; await tick(200);
  found.opened = one("#reading > details").open;
  for (const fold of all("details")) fold.open = true;
  await tick(100);
  const header = all("#table-results_auroc thead th")[1];
  const shown = () => all("#table-results_auroc tbody td:nth-child(2)").map((cell) => cell.textContent);
  header.click(); found.down = shown();
  header.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" })); found.up = shown();

  const plot = one("figure.scatter"), board = one(".board > canvas", plot), peek = one(".peek", plot);
  await tick(200);
  const points = JSON.parse(one(".points", plot).textContent), box = board.getBoundingClientRect();
  const place = (value) => 10 + (value / 1000) * (box.width - 20);
  board.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + place(points.x[3]), clientY: box.top + place(points.y[3]) }));
  found.pointed = { name: points.name[3], reported: one("p", peek).textContent, hidden: peek.hidden, ink: ink(one("canvas", peek)) > 0 };
  board.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.stepped = one("p", peek).textContent;
  const before = ink(board);
  one(".key button", plot).click();
  found.faded = ink(board) !== before;

  const cases = one("figure.cases"), finding = one(".finding", cases), show = one(".show", cases);
  const images = JSON.parse(one(".images", cases).textContent).cases;
  const view = () => ink(one(".view canvas", cases));
  const pick = (select, value) => { select.value = value; select.dispatchEvent(new Event("change")); };
  found.views = all(".views .view", cases).length;
  const slider = one(".opacity", cases), boxes = one(".boxes", cases);
  slider.value = 0; slider.dispatchEvent(new Event("input")); const bare = view();
  slider.value = 100; slider.dispatchEvent(new Event("input")); found.slides = view() !== bare;
  boxes.click(); const unboxed = view(); boxes.click(); found.boxed = view() !== unboxed;
  const count = () => one("output", cases).textContent;
  found.counts = { all: count() };
  const first = one(".image-name", cases).textContent;
  one(".on", cases).click();
  found.walked = one(".image-name", cases).textContent !== first;
  for (const rule of ["positive", "negative", "right", "wrong", "disagree", "boxed"]) { pick(show, rule); found.counts[rule] = count(); }
  pick(show, "all"); finding.selectedIndex = 1; finding.dispatchEvent(new Event("change"));
  found.chosen = one("tr.chosen th", cases).textContent;

  const cards = () => all(".gallery .card", cases), rule = one(".rule", cases);
  found.cards = { [rule.value]: cards().map((card) => [one("p", card).textContent.split(":")[0], card.lastChild.textContent, all(".view", card).length]) };
  await tick(200);
  found.carded = cards().every((card) => all("canvas", card).every((canvas) => ink(canvas) > 0));
  pick(rule, "hardest positive");
  found.cards["hardest positive"] = cards().map((card) => [one("p", card).textContent.split(":")[0], card.lastChild.textContent, all(".view", card).length]);
  pick(show, "hardest positive"); found.counts.missed = count(); pick(show, "mapped"); found.counts.mapped = count(); pick(show, "all");

  for (const fold of all("details")) fold.open = true;
  found.figures = all(".panel svg").length;
  found.blank = all(".panel svg").filter((svg) => svg.getBoundingClientRect().height < 40).length;
  found.unnamed = all("button, select, input, canvas[role], svg[role]").filter((part) =>
    !(part.getAttribute("aria-label") || part.textContent.trim() || part.labels?.length)).length;
"""


@pytest.fixture(scope="module")
def written(full_page) -> Path:
    return full_page


@pytest.fixture(scope="module")
def found(written, browse) -> dict:
    return browse(written, PROBE)


def test_nothing_fails_and_nothing_is_loaded(found):
    assert found["errors"] == []
    assert found["requests"] == 0


def test_what_is_folded_opens_where_a_link_leads(found):
    assert found["folded"] > 10
    assert found["opened"]


def test_tables_sort_by_mouse_and_keyboard(found):
    assert found["up"] == sorted(found["up"])
    assert found["down"] == found["up"][::-1]


def test_the_image_under_the_mouse_is_shown_and_keys_go_on(found):
    pointed = found["pointed"]
    assert pointed["reported"].startswith(pointed["name"])
    assert not pointed["hidden"]
    assert pointed["ink"]
    assert found["stepped"] != pointed["reported"]
    assert found["faded"]


def test_heat_maps_fade_and_boxes_come_and_go(found):
    assert found["views"] == 2
    assert found["slides"]
    assert found["boxed"]
    assert found["walked"]


def test_images_that_a_rule_chose_stand_side_by_side(found, full):
    findings = next(iter(full.predictions.values()))[0].findings
    for rule, cards in found["cards"].items():
        chosen = [
            (finding, case.image_id) for finding in findings for case in full.cases if case.chosen.get(finding) == rule
        ]
        assert [(finding, name) for finding, name, _ in cards] == chosen
        assert {views for *_, views in cards} == {2}
    assert found["carded"]
    of = {rule: int(text.split(" of ")[1]) for rule, text in found["counts"].items() if " of " in text}
    assert of["missed"] == sum(
        case.chosen.get(findings[1]) == "hardest positive" for case in full.cases
    )  # the one chosen last
    assert of["mapped"] == len(full.cases)


def test_images_are_chosen_by_what_arms_stated_of_them(found, full):
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


def test_a_phone_has_no_sideways_scrolling(written, browse):
    found = browse(written, PROBE, width=320)
    assert found["errors"] == []
    assert found["width"] <= 500  # some builds do not go below
    assert found["wide"] <= 0

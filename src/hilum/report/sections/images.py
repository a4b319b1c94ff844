"""Case browser: single images with the scores and heat maps of each arm and annotated boxes."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.report.content import RULE_DESCRIPTIONS, Case, ReportContent
from hilum.report.render import Browser, as_script, jpeg, smaller
from hilum.report.sections.thresholds import mean_thresholds
from hilum.wording import counted

MOST_BYTES = 6_000_000
"""Maximum size of all embedded images and heat maps, bytes."""
IMAGE_SIDE, HEAT_SIDE = 320, 32
DEFAULT_THRESHOLD = 0.5


def case_browser(content: ReportContent) -> Browser | None:
    """Collect images with labels and scores of the predictions, as many as `MOST_BYTES` allow, in the given order.

    The data are `findings`, `arms` (titles), `cuts` (arms x findings; null: `default_cut` is used), `default_cut`, and
    `cases`: `id`, `about`, `image` (data URL), `width`, `height`, `labels` (findings; 1, 0, null), `scores` (arms x
    findings; null), `boxes` (finding, x, y, width, height), `heat` ("arm/finding": [columns, rows, base64 of one byte
    per position]).
    """
    if not content.cases:
        return None
    findings = _findings(content)
    arms = _arms(content)
    tables = {arm: _scores_by_image(content, arm) for arm in arms}
    labels = _labels_by_image(content)
    made: list[dict[str, Any]] = []
    size = 0
    for case in content.cases:
        entry = _entry(case, findings, list(arms), tables, labels)
        size += len(entry["image"]) + sum(len(heat[2]) for heat in entry["heat"].values())
        if size > MOST_BYTES and made:
            break
        made.append(entry)
    cuts = [mean_thresholds(content, arm) for arm in arms]
    data = {
        "findings": findings,
        "arms": list(arms.values()),
        "cuts": [[_finite(cut.get(finding)) for finding in findings] for cut in cuts],
        "default_cut": DEFAULT_THRESHOLD,
        "cases": made,
    }
    return Browser(
        caption=_caption(content, made, any(cuts)),
        data=as_script(data),
        findings=findings,
        arms=list(arms.values()),
        has_heat=any(entry["heat"] for entry in made),
        has_boxes=any(entry["boxes"] for entry in made),
        rules=_rules(made),
    )


def _entry(
    case: Case,
    findings: Sequence[str],
    arms: Sequence[str],
    tables: dict[str, dict[str, dict[str, float]]],
    labels: dict[str, dict[str, float]],
) -> dict[str, Any]:
    image = smaller(case.image, IMAGE_SIDE)
    labels_of = labels.get(case.image_id, {})
    heat = {
        f"{arms.index(arm)}/{findings.index(finding)}": _packed(values)
        for (arm, finding), values in case.heat.items()
        if arm in arms and finding in findings
    }
    return {
        "id": case.image_id,
        "about": case.about,
        "image": jpeg(image),
        "width": image.shape[1],
        "height": image.shape[0],
        "labels": [_finite(labels_of.get(finding)) for finding in findings],
        "scores": [[_finite(tables[arm].get(case.image_id, {}).get(name), 3) for name in findings] for arm in arms],
        "boxes": [[box.finding, *(round(v, 4) for v in (box.x, box.y, box.width, box.height))] for box in case.boxes],
        "heat": heat,
        "chosen": {str(findings.index(name)): rule for name, rule in case.chosen.items() if name in findings},
    }


def _rules(made: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the selection rules of images with a heat map, and their descriptions."""
    there = {rule for entry in made if entry["heat"] for rule in entry["chosen"].values()}
    return [(rule, description) for rule, description in RULE_DESCRIPTIONS.items() if rule in there]


def _packed(heat: NDArray[np.floating]) -> list[Any]:
    """Return columns, rows and one byte per position; the maximum is 255."""
    top = float(np.nanmax(heat)) if heat.size else 0.0
    scaled = np.nan_to_num(np.clip(heat / top, 0, 1) if top > 0 else np.zeros_like(heat))
    small = smaller(np.round(255 * scaled).astype(np.uint8), HEAT_SIDE)
    return [small.shape[1], small.shape[0], base64.b64encode(small.tobytes()).decode()]


def _findings(content: ReportContent) -> list[str]:
    named = [name for runs in content.predictions.values() for run in runs for name in run.findings]
    named += [finding for case in content.cases for _, finding in case.heat]
    return list(dict.fromkeys(named))


def _arms(content: ReportContent) -> dict[str, str]:
    """Return the titles of arms with predictions, and of models that have only heat maps."""
    mapped = list(dict.fromkeys(arm for case in content.cases for arm, _ in case.heat))
    titles = {arm.name: arm.title for arm in content.arms}
    known = [name for name in titles if name in content.predictions or name in mapped]
    return {name: titles.get(name, name) for name in dict.fromkeys([*known, *mapped])}


def _scores_by_image(content: ReportContent, arm: str) -> dict[str, dict[str, float]]:
    """Return the scores of the images of the cases, averaged over seeds."""
    wanted = {case.image_id for case in content.cases}
    collected: dict[str, dict[str, list[float]]] = {}
    for run in content.predictions.get(arm, ()):
        scores = run.scores
        for row, image_id in enumerate(run.image_ids):
            if image_id in wanted:
                of_image = collected.setdefault(image_id, {})
                for place, finding in enumerate(run.findings):
                    of_image.setdefault(finding, []).append(float(scores[row, place]))
    return {
        image_id: {finding: float(np.mean(values)) for finding, values in of_image.items()}
        for image_id, of_image in collected.items()
    }


def _labels_by_image(content: ReportContent) -> dict[str, dict[str, float]]:
    wanted, labels_of = {case.image_id for case in content.cases}, {}
    for run in (run for runs in content.predictions.values() for run in runs[:1]):
        labels = run.labels
        for row, image_id in enumerate(run.image_ids):
            if image_id in wanted and image_id not in labels_of:
                labels_of[image_id] = dict(zip(run.findings, map(float, labels[row]), strict=True))
    return labels_of


def _finite(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, digits)


def _caption(content: ReportContent, made: Sequence[dict[str, Any]], chosen: bool) -> str:
    total = len(content.cases)
    text = counted(len(made), "image")
    if len(made) < total:
        text += f" of {total:,}; the others are omitted to limit the size of the page"
    cut = "the threshold of the arm" if chosen else f"{DEFAULT_THRESHOLD}, because no thresholds were chosen"
    about = "".join(f"{sentence.rstrip('.')}. " for sentence in content.cases_about)
    scores = f"Scores are means over seeds; scores of at least {cut} are called positive."
    return f"{text}. {about}{scores} Computed on {content.scored_on}."

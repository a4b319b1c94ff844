"""Status page of a study that reloads itself; it reads only the study's directory."""

import time
from html import escape
from pathlib import Path

import polars as pl

from hilum.artifacts import holder_of, write_text
from hilum.study.execution import study_status
from hilum.study.overview import study_summary, sweeps_under_way
from hilum.study.plan.record import CURVES, partial_directory
from hilum.wording import counted

STATUS_PAGE = "status.html"
SHOWN_TRIALS = 20
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8884}
.done{opacity:.65}.running{font-weight:600}.diverged,.collapsed,.interrupted,.pretraining_failed{color:#c1440e}
svg{width:160px;height:28px}polyline{fill:none;stroke:#0072b2;stroke-width:1.5}"""


def write_live_page(directory: Path, *, reload_seconds: float | None) -> tuple[Path, bool]:
    """Write `status.html` into a study's directory.

    Args:
        directory: Directory of the study.
        reload_seconds: Seconds between reloads in a browser, until the study has ended; None: never.

    Returns:
        Path of the page, and whether the study has steps that may still run.

    Raises:
        HilumError: The directory contains no study.
    """
    steps, summary = study_status(directory), study_summary(directory)
    holder = holder_of(directory)  # a step of a lost machine is interrupted until it is restarted
    may_run = summary.state in ("running", "to do") or (holder is not None and holder.alive)
    rows = [
        f'<tr class="{step.state.replace(" ", "-")}"><td>{escape(step.title)}</td><td>{step.state}</td>'
        f"<td>{'' if step.seconds is None else f'{step.seconds:,.0f} s'}</td>"
        f"<td>{escape(step.note)} {_loss_curve(directory / step.directory)}</td></tr>"
        for step in steps
    ]
    reload = f'<meta http-equiv="refresh" content="{reload_seconds:g}">' if reload_seconds and may_run else ""
    found = ""
    if (best := summary.best) is not None:
        interval = f"{best.estimate:.3f} ({best.ci_low:.3f} to {best.ci_high:.3f})"
        found = f"<p>Best arm: {escape(best.arm)}, AUROC {interval}</p>"
    report = '<p><a href="report.html">Report</a></p>' if summary.report else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{reload}'
        f"<title>{escape(summary.question or summary.name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(summary.question or summary.name)}</h1>"
        f"<p>{summary.state}: {summary.done} of {summary.steps} steps done, {time.strftime('%Y-%m-%d %H:%M:%S')}</p>"
        f"{found}{report}<table><tr><th>Step</th><th>State</th><th>Time</th><th></th></tr>"
        f"{''.join(rows)}</table>{_sweeps(directory)}</body></html>\n"
    )
    write_text(directory / STATUS_PAGE, text)
    return directory / STATUS_PAGE, may_run


def _sweeps(directory: Path) -> str:
    text = ""
    for sweep in sweeps_under_way(directory):
        ranked = sorted(sweep["trials"], key=lambda row: (row["val_loss"] is None, row["val_loss"]))
        rows = "".join(
            f"<tr><td>{row['trial']}</td><td>{row['state']}</td><td>{escape(row['settings'])}</td>"
            f"<td>{'' if row['val_loss'] is None else format(row['val_loss'], '.4f')}</td><td>{row['epochs']}</td></tr>"
            for row in ranked[:SHOWN_TRIALS]
        )
        text += (
            f"<h2>Sweep of {escape(sweep['arm'])}: {sweep['state']}, {counted(len(ranked), 'trial')} "
            "ended</h2><table><tr>"
            f"<th>Trial</th><th>State</th><th>Settings</th><th>Validation loss</th><th>Epochs</th></tr>{rows}</table>"
        )
    return text


def _loss_curve(directory: Path) -> str:
    """Return the training loss of a step as a small line plot in SVG; empty without curves."""
    for place in (directory, partial_directory(directory)):
        path = place / CURVES
        if path.is_file():
            losses = pl.read_parquet(path, columns=["train_loss"])["train_loss"].drop_nulls().drop_nans().to_list()
            if len(losses) > 1 and max(losses) > min(losses):
                low, high = min(losses), max(losses)
                points = " ".join(
                    f"{160 * n / (len(losses) - 1):.1f},{26 - 24 * (loss - low) / (high - low):.1f}"
                    for n, loss in enumerate(losses)
                )
                return f'<svg viewBox="0 0 160 28"><polyline points="{points}"/></svg>'
    return ""

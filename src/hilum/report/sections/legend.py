"""Glossary of the page."""

from hilum.evaluation.metrics import THRESHOLD_METRICS
from hilum.notes import MEANINGS, read_codes
from hilum.report.content import ReportContent
from hilum.report.render import Section, Terms


def reading(content: ReportContent) -> Section:
    """Explain the terms and marks of this page."""
    times = f" {content.n_bootstrap:,} times" if content.n_bootstrap else ""
    pairs = [
        (
            "Interval",
            f"In brackets: the 95 % confidence interval. It is a bootstrap over patients{times}, not over images, "
            "because images of one patient are correlated: resampling images would make intervals too narrow. "
            "If an arm has several seeds, they are resampled as well; differences between arms with several seeds "
            "treat seeds as random readers (Obuchowski and Rockette).",
        ),
        (
            "AUROC",
            "Probability that a positive image has a higher score than a negative one: 0.5 is chance level, 1 is "
            "perfect. Macro is the unweighted mean over findings with enough positive patients.",
        ),
        (
            "Difference",
            "Two arms are compared on the same patients (paired). Their intervals may overlap although they differ: "
            "use the interval of the difference.",
        ),
        (
            "Adjusted p",
            "Two-sided p-value, adjusted for multiple comparisons (Benjamini–Hochberg). Differences with adjusted p "
            "below 0.05 are called significant.",
        ),
        (
            "Detectable difference",
            "The smallest true difference that this test set detects with 80 % power. “No difference can be shown” "
            "does not mean that there is none: a smaller difference is possible.",
        ),
        (
            "Seed",
            "Each arm is trained once per seed, and estimates are means over seeds. Their spread shows the variation "
            "between training runs.",
        ),
        (
            "Trained on test patients",
            "Data leakage: the weights were trained on images of test patients. The arm is marked, and its results "
            "are too optimistic.",
        ),
    ]
    return Section("reading", "How to read this", [Terms([*pairs, *_where_shown(content), *_notes(content)])])


def _notes(content: ReportContent) -> list[tuple[str, str]]:
    """Explain the codes of the notes on this page, as in docs/reference/notes.md."""
    tables = (content.metrics, content.comparisons, content.subgroups, content.classes)
    cells = {cell for table in tables if table is not None and "codes" in table.columns for cell in table["codes"]}
    codes = {code for cell in cells for code in read_codes(cell)}
    return [
        (f"Note {code}", f"{each.meaning} What to do: {each.advice}")
        for code, each in MEANINGS.items()
        if code in codes
    ]


def _where_shown(content: ReportContent) -> list[tuple[str, str]]:
    """Explain the terms that not every page has."""
    metrics = set(content.metrics["metric"])
    terms = {
        "Shortcut baseline": (
            content.baseline_metrics is not None,
            "A model of patient metadata, or of an 8×8-pixel thumbnail. Its performance comes from patient selection "
            "and acquisition. An arm that is not better than it may rely on the same shortcuts.",
        ),
        "Threshold": (
            not metrics.isdisjoint(THRESHOLD_METRICS),
            "Needed by sensitivity, specificity and similar metrics. It is chosen on validation images; choosing it on "
            "the test images makes results too optimistic, which is then reported.",
        ),
        "AUPRC": (
            "auprc" in metrics,
            "Mean precision over the positives (average precision). Chance level is the prevalence, so a rare finding "
            "has a low AUPRC; do not compare it between findings.",
        ),
        "Calibration": (
            "brier" in metrics or bool(content.predictions),
            "Agreement of predicted probabilities with observed frequencies: of images with a score of 0.3, 30 % "
            "should be positive. The curve should follow the diagonal. Brier score: mean squared error of the "
            "probabilities. ECE: mean distance from the diagonal, always above 0.",
        ),
        "Net benefit": (
            bool(content.predictions),
            "True positives minus false positives, weighted by the odds of the threshold probability (Vickers & "
            "Elkin). A model is useful where its curve is above both treating all and treating none.",
        ),
        "Gap": (
            content.subgroups is not None,
            "A subgroup minus all other images with a known group. Subgroups with too few patients are excluded.",
        ),
        "Ceiling": (
            content.noise is not None or content.agreement is not None,
            "The AUROC of a perfect model, limited by wrong labels.",
        ),
        "Heat map": (
            content.box_scores is not None or bool(content.cases),
            "Regions that change the model's score most, as estimated by the method. It does not show why they matter; "
            "compare its localisation scores with those of the centre prior.",
        ),
    }
    return [(term, meaning) for term, (shown, meaning) in terms.items() if shown]

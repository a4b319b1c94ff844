"""The box that says how to read the page."""

from hilum.evaluation.metrics import THRESHOLD_METRICS
from hilum.notes import MEANINGS, read_codes
from hilum.report.content import ReportContent
from hilum.report.render import Section, Terms


def reading(content: ReportContent) -> Section:
    """What the words and marks of this page mean."""
    times = f" {content.n_bootstrap:,} times" if content.n_bootstrap else ""
    pairs = [
        (
            "Interval",
            f"In brackets: a 95 % interval. Patients, not images, are resampled{times}, because images "
            "of one patient resemble each other; resampling images would make intervals too narrow. "
            "Where an arm has several seeds they are resampled too; differences of arms with several seeds take "
            "seeds as "
            "random readers (Obuchowski and Rockette).",
        ),
        (
            "AUROC",
            "The chance that a positive image is scored above a negative one: 0.5 is guessing, 1 is perfect. "
            "Macro is the plain mean over findings with enough positive images.",
        ),
        (
            "Difference",
            "Two arms are compared on the same patients. Their own intervals may overlap although "
            "they differ; the interval of the difference decides.",
        ),
        (
            "Adjusted p",
            "How surprising the difference would be if there were none, two-sided, adjusted (Benjamini–Hochberg) "
            "because many comparisons find something by chance. Below 0.05 it is called a difference.",
        ),
        (
            "Detectable difference",
            "The smallest true difference that this test set would show four times out of five. “No difference can be "
            "shown” does not mean that there is none: a smaller one may well be there.",
        ),
        (
            "Seed",
            "Every arm is trained once a seed, and estimates are means over seeds. Their spread shows how much of a "
            "difference is luck of the run.",
        ),
        (
            "Trained on test patients",
            "Weights that were fitted on images of the test patients know them. Such an arm is marked, and its numbers "
            "are too good.",
        ),
    ]
    return Section("reading", "How to read this", [Terms([*pairs, *_where_shown(content), *_notes(content)])])


def _notes(content: ReportContent) -> list[tuple[str, str]]:
    """Codes of the notes that stand beside numbers of this page, as docs/reference/notes.md explains them."""
    tables = (content.metrics, content.comparisons, content.subgroups, content.classes)
    cells = {cell for table in tables if table is not None and "codes" in table.columns for cell in table["codes"]}
    codes = {code for cell in cells for code in read_codes(cell)}
    return [
        (f"Note {code}", f"{each.meaning} What to do: {each.advice}")
        for code, each in MEANINGS.items()
        if code in codes
    ]


def _where_shown(content: ReportContent) -> list[tuple[str, str]]:
    """Terms of what not every page has."""
    metrics = set(content.metrics["metric"])
    terms = {
        "Shortcut baseline": (
            content.baseline_metrics is not None,
            "A model without radiology: who was imaged, or an image of 8×8 pixels. What it reaches comes from how "
            "and of "
            "whom images were taken. An arm that does not beat it has not shown that it sees disease.",
        ),
        "Threshold": (
            not metrics.isdisjoint(THRESHOLD_METRICS),
            "Sensitivity and the like need one. It is chosen on validation images; chosen on the images that are "
            "judged "
            "it makes numbers too good, and that is reported.",
        ),
        "AUPRC": (
            "auprc" in metrics,
            "Mean precision over the positives. Guessing reaches the share of positives, so a rare finding "
            "has a low one; never compare it between findings.",
        ),
        "Calibration": (
            "brier" in metrics or bool(content.predictions),
            "Whether images scored 0.3 are positive in 30 of 100. The curve should follow the diagonal. Brier score: "
            "mean squared distance from the truth. ECE: mean distance from the diagonal, never quite 0.",
        ),
        "Net benefit": (
            bool(content.predictions),
            "Found cases minus false alarms, each false alarm weighed by how much one fears it (the threshold "
            "probability). A model is of use where it lies above both acting on everybody and on nobody.",
        ),
        "Gap": (
            content.subgroups is not None,
            "A group minus all other images whose group is known. Groups with few patients are left out: their numbers "
            "would be noise.",
        ),
        "Ceiling": (
            content.noise is not None or content.agreement is not None,
            "The best AUROC that wrong labels leave to a model that is always right.",
        ),
        "Heat-map": (
            content.box_scores is not None or bool(content.cases),
            "Where the model's answer would change most, as far as the method can tell. It shows that a place "
            "mattered, not that it was understood; look at the scores against boxes and the centre prior.",
        ),
    }
    return [(term, meaning) for term, (shown, meaning) in terms.items() if shown]

"""Notes attached to estimates and data sets: records of a stable code and parameters, converted to text for readers.

Decisions use `Note.code`, or the column `codes` of a table; the column `note` is text for readers. All codes are
explained in docs/reference/notes.md, which is generated from this module.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Codes of notes, stable between versions."""

    # one finding
    NO_CASES = "no_cases"
    ONE_PATIENT = "one_patient"
    TOO_FEW_PATIENTS = "too_few_patients"
    FEW_PATIENTS = "few_patients"
    SCORE_INTERVAL = "score_interval"
    CONSTANT_SCORES = "constant_scores"
    PERFECTLY_SEPARATED = "perfectly_separated"
    UNDEFINED_SAMPLES = "undefined_samples"
    OPTIMISTIC_THRESHOLD = "optimistic_threshold"
    # means over findings
    MEAN_OVER = "mean_over"
    NOTHING_TO_AVERAGE = "nothing_to_average"
    ONE_SEED = "one_seed"
    SEVERAL_SEEDS = "several_seeds"
    UNEQUAL_SEEDS = "unequal_seeds"
    # groups and classes
    SMALL_GROUP = "small_group"
    SMALL_REST = "small_rest"
    UNDIVIDED_COLUMN = "undivided_column"
    UNKNOWN_GROUPS = "unknown_groups"
    NO_UNDERDIAGNOSIS = "no_underdiagnosis"
    CLASS_WITHOUT_IMAGES = "class_without_images"
    CLASSES_WITHOUT_IMAGES = "classes_without_images"
    # label efficiency
    FEWEST_LABELS_SUFFICE = "fewest_labels_suffice"
    TARGET_NOT_REACHED = "target_not_reached"
    # tables of predictions
    ALL_ROWS_OF_SPLIT = "all_rows_of_split"
    ROWS_OF_SPLIT = "rows_of_split"
    NO_SPLIT = "no_split"
    NO_IMAGE_IDS = "no_image_ids"
    NO_PATIENT_IDS = "no_patient_ids"
    BORROWED_PATIENT_IDS = "borrowed_patient_ids"
    REFUSED_IMAGES = "refused_images"
    FINDINGS_WITHOUT_LABELS = "findings_without_labels"
    IMAGES_WITHOUT_LABELS = "images_without_labels"
    LABELS_FROM = "labels_from"
    RECALIBRATED = "recalibrated"
    RECALIBRATED_IN_PART = "recalibrated_in_part"
    # patients of a data set
    SEVERAL_SPELLINGS = "several_spellings"
    PLACEHOLDER_PATIENT_IDS = "placeholder_patient_ids"
    ROUNDED_PATIENT_IDS = "rounded_patient_ids"
    ONE_PATIENT_OF_MANY = "one_patient_of_many"
    IMAGES_WITHOUT_PATIENT = "images_without_patient"
    PATIENTS_FROM_HEADERS = "patients_from_headers"
    HEADERS_OF_OTHER_IDS = "headers_of_other_ids"
    HEADERS_OF_UNKNOWN_PATIENTS = "headers_of_unknown_patients"
    PATIENTS_FROM_PATHS = "patients_from_paths"
    PATIENTS_OF_PATHS_ONLY = "patients_of_paths_only"
    NUMBERS_FOR_PATIENTS = "numbers_for_patients"
    PATIENTS_FROM_COPIES = "patients_from_copies"
    # images of a study
    COPIES_NOT_SEARCHED = "copies_not_searched"
    CONTRADICTORY_LABELS = "contradictory_labels"


@dataclass(frozen=True)
class Meaning:
    """Explanation of a code.

    Attributes:
        text: Printed text; parameters in braces.
        meaning: Explanation for the reader.
        advice: Recommended action.
    """

    text: str
    meaning: str
    advice: str


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        code: Code, for decisions.
        parameters: Names and values in the text, sorted by name.

    Example:
        >>> from hilum.notes import Code, note
        >>> str(note(Code.TOO_FEW_PATIENTS, patients=4, side="positive", min_positive_patients=10))
        'excluded from macro: 4 positive patients (fewer than 10)'
    """

    code: Code
    parameters: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return MEANINGS[self.code].text.format(**dict(self.parameters))

    def as_data(self) -> dict[str, object]:
        """Return the note as JSON data: `code`, `parameters`, and `text` for readers."""
        return {"code": str(self.code), "parameters": dict(self.parameters), "text": str(self)}

    def without_examples(self) -> "Note":
        """Return the note without examples of ids of the data set."""
        return Note(self.code, tuple((name, "…" if name == "examples" else each) for name, each in self.parameters))


EXCLUDING_CODES = frozenset({Code.NO_CASES, Code.ONE_PATIENT, Code.TOO_FEW_PATIENTS})
"""Codes of findings that are excluded from means and tests."""


def note(code: Code, **parameters: object) -> Note:
    """Make a note.

    Raises:
        KeyError: A parameter of the text is missing.
    """
    made = Note(code, tuple(sorted(parameters.items())))
    str(made)
    return made


def read_notes(data: Iterable[Mapping[str, Any]]) -> list[Note]:
    """Read notes of `Note.as_data`; unknown codes of later versions are ignored."""
    known = set(Code)
    return [note(Code(each["code"]), **each["parameters"]) for each in data if each["code"] in known]


SEPARATOR = "; "
"""Separator in the column `note`; texts of notes on estimates do not contain it."""


def join_texts(notes: Iterable[Note]) -> str:
    """Join notes to the text of the column `note`."""
    return SEPARATOR.join(map(str, notes))


def codes_of(notes: Iterable[Note]) -> str:
    """Join codes with blanks to the text of the column `codes`."""
    return " ".join(each.code for each in notes)


def note_columns(notes: Sequence[Note]) -> dict[str, object]:
    """Return the cells `note` and `codes` of a row."""
    return {"note": join_texts(notes), "codes": codes_of(notes)}


def read_codes(cell: str | None) -> list[Code]:
    """Read the codes of a cell of the column `codes`; unknown codes of later versions are ignored."""
    known = set(Code)
    return [Code(each) for each in (cell or "").split() if each in known]


def texts_of(note_cell: str | None, codes_cell: str | None) -> list[tuple[Code, str]]:
    """Return codes and texts of a row of a table; empty where its cells do not match."""
    texts, codes = (note_cell or "").split(SEPARATOR), (codes_cell or "").split()
    if len(texts) != len(codes):
        return []
    known = set(Code)
    return [(Code(code), text) for code, text in zip(codes, texts, strict=True) if code in known]


_MORE_PATIENTS = "Use a larger test set, or treat the interval as a lower bound of the uncertainty."

MEANINGS: dict[Code, Meaning] = {
    Code.NO_CASES: Meaning(
        "no {side}s: excluded",
        "The test images have no positive, or no negative, image of the finding: no metric is defined.",
        "Use a test set with the finding, or remove the finding from the task.",
    ),
    Code.ONE_PATIENT: Meaning(
        "one {side} patient: excluded",
        "All positive, or all negative, images are of one patient: the estimate would describe that patient only.",
        "Use a test set with more patients with the finding.",
    ),
    Code.TOO_FEW_PATIENTS: Meaning(
        "excluded from macro: {patients} {side} patients (fewer than {min_positive_patients})",
        "The finding has its own row, but is excluded from means and tests.",
        "Use a larger test set, or lower `min_positive_patients` before the results are known.",
    ),
    Code.FEW_PATIENTS: Meaning(
        "{patients} {side} patients: the interval may be too narrow",
        "With fewer than 20 positive (or negative) patients a bootstrap underestimates the variance.",
        _MORE_PATIENTS,
    ),
    Code.SCORE_INTERVAL: Meaning(
        "{patients} {side} patients (fewer than 100): Newcombe's score interval",
        "With fewer than 100 positive (or negative) patients the interval of an AUROC is Newcombe's score interval, "
        "which has the nominal coverage where a bootstrap has not.",
        "None; it is wider than a bootstrap interval by design.",
    ),
    Code.CONSTANT_SCORES: Meaning(
        "constant scores: all images have the same score, which is an AUROC of 0.5",
        "The model has the same score for every image.",
        "Check the training: the finding may have no positive training image, or the model has collapsed.",
    ),
    Code.PERFECTLY_SEPARATED: Meaning(
        "perfectly separated: the percentile interval is not informative",
        "Every positive scores above every negative (or below): all bootstrap samples are equal, and the interval has "
        "no width.",
        "Check for data leakage; with few patients use the score interval.",
    ),
    Code.UNDEFINED_SAMPLES: Meaning(
        "{undefined} of {samples} resamples undefined and not used",
        "Some bootstrap samples had no positive or no negative patient.",
        _MORE_PATIENTS,
    ),
    Code.OPTIMISTIC_THRESHOLD: Meaning(
        "optimistic: the threshold was chosen on the evaluated images",
        "Metrics at this threshold are better than on new images.",
        "Choose thresholds on validation images: rows of the split val, or `--validation`.",
    ),
    Code.MEAN_OVER: Meaning(
        "mean over {findings} finding{plural}{left_out}",
        "Number of findings in the mean, and of findings excluded for too few patients.",
        "See the rows of the findings.",
    ),
    Code.NOTHING_TO_AVERAGE: Meaning(
        "no finding has {min_positive_patients} positive and {min_positive_patients} negative patients",
        "There is no mean, and nothing is tested.",
        "Use a larger test set, or lower `min_positive_patients` before the results are known.",
    ),
    Code.ONE_SEED: Meaning(
        "one seed: the interval does not include the variance between runs",
        "The model was trained once; another seed may have another result.",
        "Train with three or more seeds.",
    ),
    Code.SEVERAL_SEEDS: Meaning(
        "{seeds} seeds",
        "Estimates are means over this number of trainings; the interval includes their variance.",
        "None.",
    ),
    Code.UNEQUAL_SEEDS: Meaning(
        "{seeds} and {others} seeds",
        "The two arms were trained with different numbers of seeds.",
        "Train both arms with the same seeds.",
    ),
    Code.SMALL_GROUP: Meaning(
        "{patients} patients of the rarer class (fewer than {min_patients}): not reported",
        "The group is too small for an estimate.",
        "Merge groups, or use a larger test set.",
    ),
    Code.SMALL_REST: Meaning(
        "{patients} patients of the rarer class in the rest (fewer than {min_patients}): no gap",
        "The images outside the group are too few for a comparison with the group.",
        "Merge groups, or use a larger test set.",
    ),
    Code.UNDIVIDED_COLUMN: Meaning(
        "{column}: {why}, so no groups.",
        "The column does not divide the images into two or more groups.",
        "Group by another column.",
    ),
    Code.UNKNOWN_GROUPS: Meaning(
        "{column}: unknown for {unknown:,} of {images:,} images; these are in no group.",
        "Groups and their gaps include only images with a known group.",
        "Complete the column, if the values are available.",
    ),
    Code.NO_UNDERDIAGNOSIS: Meaning(
        "No underdiagnosis: there are no validation images to choose thresholds on.",
        "Underdiagnosis is a rate at a threshold, which is missing.",
        "Add rows of the split val, or give `--validation`.",
    ),
    Code.CLASS_WITHOUT_IMAGES: Meaning(
        "no images: excluded",
        "No test image has this class.",
        "Use a test set with the class.",
    ),
    Code.CLASSES_WITHOUT_IMAGES: Meaning(
        "without images, excluded: {classes}",
        "Classes without test images are excluded from the means.",
        "Use a test set with these classes.",
    ),
    Code.FEWEST_LABELS_SUFFICE: Meaning(
        "reached with the fewest labels of this study",
        "The smallest label fraction already reaches the target; fewer labels may suffice.",
        "Add smaller label fractions.",
    ),
    Code.TARGET_NOT_REACHED: Meaning(
        "not reached",
        "The arm does not reach the target with all its labels.",
        "Add larger label fractions.",
    ),
    Code.ALL_ROWS_OF_SPLIT: Meaning(
        "All {used:,} rows are of the split {split}.",
        "Rows that were evaluated.",
        "None.",
    ),
    Code.ROWS_OF_SPLIT: Meaning(
        "{used:,} rows of the split {split} are evaluated; {left:,} rows of {others} are not.",
        "Rows that were evaluated.",
        "Choose other rows with `--split`.",
    ),
    Code.NO_SPLIT: Meaning(
        "No split column: you stated (--held-out) that the model was not trained on these images; the table does not "
        "show it.",
        "The statement `--held-out` was not checked.",
        "Add a column `split`.",
    ),
    Code.NO_IMAGE_IDS: Meaning(
        "No column image_id: images are identified by row number and cannot be paired with another table's.",
        "The predictions cannot be compared with others.",
        "Add a column `image_id`.",
    ),
    Code.NO_PATIENT_IDS: Meaning(
        "No column patient_id: every image counts as its own patient. "
        "If patients have several images, the intervals are too narrow.",
        "The bootstrap resamples images instead of patients.",
        "Add a column `patient_id`.",
    ),
    Code.BORROWED_PATIENT_IDS: Meaning(
        "patient_id is taken from {table}, since the others have none.",
        "One table of the same images has patient ids, which are used for all.",
        "Add a column `patient_id` to the others.",
    ),
    Code.REFUSED_IMAGES: Meaning(
        "{images:,} images were not scored and are excluded: {reasons}.",
        "`hilum predict` refused these images; results are for the others.",
        "See the column `reason` of the table.",
    ),
    Code.FINDINGS_WITHOUT_LABELS: Meaning(
        "Without labels in {labels}, and excluded: {findings}.",
        "The model scores findings that are not in the labels.",
        "Add labels of these findings, if available.",
    ),
    Code.IMAGES_WITHOUT_LABELS: Meaning(
        "{without:,} of {images:,} predicted images have no labels in {labels}.",
        "Results are for images with labels.",
        "Check that both tables use the same image ids.",
    ),
    Code.LABELS_FROM: Meaning(
        "Labels from {labels}: uncertain counts as {uncertain}, not mentioned as {not_mentioned}.",
        "Label policy.",
        "None.",
    ),
    Code.RECALIBRATED: Meaning(
        "Probabilities are recalibrated ({method}) on {images}.",
        "Calibration is that after scaling; AUROC is unchanged by temperature and Platt scaling.",
        "None.",
    ),
    Code.RECALIBRATED_IN_PART: Meaning(
        "Probabilities are recalibrated ({method}) on {images}. Unchanged, without positives or negatives there: "
        "{findings}.",
        "Some findings could not be scaled.",
        "Use validation images with positives and negatives of these findings.",
    ),
    Code.SEVERAL_SPELLINGS: Meaning(
        "{patients:,} patients have several spellings and count as one person each: their ids differ by zeros, "
        ".0, capitals, blanks or the width of characters only ({examples})",
        "Such ids are of one patient in nearly every table. If they are of several people, these are on one side of "
        "a split, and count as one.",
        "If they are several people, use ids with other differences.",
    ),
    Code.PLACEHOLDER_PATIENT_IDS: Meaning(
        "{images:,} images have a placeholder instead of a patient id ({examples}): their patient is unknown",
        "Scanners and scripts write placeholders, or zeros among larger numbers, for an id that was removed.",
        "Add the patient ids.",
    ),
    Code.ROUNDED_PATIENT_IDS: Meaning(
        "patient ids of {images:,} images were rounded by a spreadsheet ({examples}): several patients may be one",
        "Spreadsheets write long numbers with an exponent and lose their last digits when saved as text.",
        "Export the table again, with this column as text.",
    ),
    Code.ONE_PATIENT_OF_MANY: Meaning(
        "one patient has {images:,} of {of:,} images ({examples}): is this a patient?",
        "One id has far more images than the others: it may be a scanner, a year, or a placeholder.",
        "If it is not a patient, blank the id.",
    ),
    Code.IMAGES_WITHOUT_PATIENT: Meaning(
        "{images:,} images have no patient id: each counts as its own patient",
        "Two images of one patient may be on two sides of a split (data leakage).",
        "Add a column `patient_id` to the labels.",
    ),
    Code.PATIENTS_FROM_HEADERS: Meaning(
        "patients of {images:,} images are from the DICOM header",
        "The labels have no patient ids; the headers have ids of the same kind.",
        "None.",
    ),
    Code.HEADERS_OF_OTHER_IDS: Meaning(
        "{images:,} DICOM headers have patient ids that the labels do not use",
        "They cannot be compared with the patients of the labels.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.HEADERS_OF_UNKNOWN_PATIENTS: Meaning(
        "{images:,} DICOM headers have patient ids that cannot be matched with ids of the labels",
        "Labels and headers have different kinds of ids, and these patients have no image with both.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.PATIENTS_FROM_PATHS: Meaning(
        "patients of {images:,} images are from {where}, which is the patient id of all other images",
        "The labels have no patient ids for these images; the paths of all other images contain them.",
        "None.",
    ),
    Code.PATIENTS_OF_PATHS_ONLY: Meaning(
        "{patients:,} patients of {images:,} images are only in {where}, and not in the labels ({examples})",
        "The names look like the ids of the labels. If they are not, the patients of these images are unknown.",
        "Check the examples; if they are not patients, add the patients to the labels.",
    ),
    Code.NUMBERS_FOR_PATIENTS: Meaning(
        "the patient of {images:,} images is unknown: {where} has no patient id ({examples}), but a date, or a number "
        "of far more images than a patient has",
        "Folders of years and batches are in the position of the patient in other paths.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.PATIENTS_FROM_COPIES: Meaning(
        "{images:,} images without a patient id are identical files of another image, and get its patient",
        "The same image was found under another name.",
        "None.",
    ),
    Code.COPIES_NOT_SEARCHED: Meaning(
        "compressed, resized or brightened copies of {of} are not searched: {why}",
        "Only identical files and identical pixels are found: it is unknown whether a model was trained on copies of "
        "test images (data leakage).",
        "Preprocess to {least} px or more, from images of that size.",
    ),
    Code.CONTRADICTORY_LABELS: Meaning(
        "{groups:,} images have several names with contradictory labels ({findings}; {examples})",
        "The same image is positive under one name and negative under another; both are used.",
        "Correct the label, or exclude both.",
    ),
}


def reference() -> str:
    """Return the text of docs/reference/notes.md."""
    lines = [
        "# Notes and their codes",
        "",
        "Estimates and data sets have notes. Every note has a code that is stable between versions: tables have a "
        "column `note` for readers",
        "and a column `codes` (separated by blanks) for programs. This page is generated by "
        "`python docs/write_notes.py`.",
        "",
        "| Code | Text | Meaning | Action |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{code}` | {each.text} | {each.meaning} | {each.advice} |" for code, each in MEANINGS.items()]
    return "\n".join(lines) + "\n"

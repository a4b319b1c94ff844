"""Notes are records: a stable code and its parameters, turned into text where somebody reads it, and nowhere before.

Code decides by `Note.code`, or by the column `codes` of a table; `note` is the text for readers. Every code is
explained in docs/reference/notes.md, which is written from the table here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Codes of notes; they do not change between versions."""

    # of one finding
    NO_CASES = "no_cases"
    ONE_PATIENT = "one_patient"
    TOO_FEW_PATIENTS = "too_few_patients"
    FEW_PATIENTS = "few_patients"
    SCORE_INTERVAL = "score_interval"
    CONSTANT_SCORES = "constant_scores"
    PERFECTLY_SEPARATED = "perfectly_separated"
    UNDEFINED_SAMPLES = "undefined_samples"
    OPTIMISTIC_THRESHOLD = "optimistic_threshold"
    # of a mean over findings
    MEAN_OVER = "mean_over"
    NOTHING_TO_AVERAGE = "nothing_to_average"
    ONE_SEED = "one_seed"
    SEVERAL_SEEDS = "several_seeds"
    UNEQUAL_SEEDS = "unequal_seeds"
    # of groups and classes
    SMALL_GROUP = "small_group"
    SMALL_REST = "small_rest"
    UNDIVIDED_COLUMN = "undivided_column"
    UNKNOWN_GROUPS = "unknown_groups"
    NO_UNDERDIAGNOSIS = "no_underdiagnosis"
    CLASS_WITHOUT_IMAGES = "class_without_images"
    CLASSES_WITHOUT_IMAGES = "classes_without_images"
    # of a table of predictions
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
    # of whose images a data set has
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
    # of a study's images
    COPIES_NOT_SEARCHED = "copies_not_searched"
    CONTRADICTORY_LABELS = "contradictory_labels"


@dataclass(frozen=True)
class Meaning:
    """What a code means.

    Attributes:
        text: how it is printed; parameters in braces.
        meaning: for the reader of a number.
        advice: what to do.
    """

    text: str
    meaning: str
    advice: str


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        code: what it is about; decisions rest on this.
        parameters: names and values that the text holds, in order of their names.

    Example:
        >>> from hilum.notes import Code, note
        >>> str(note(Code.TOO_FEW_PATIENTS, patients=4, side="positive", min_positive_patients=10))
        'left out of macro: 4 positive patients (fewer than 10)'
    """

    code: Code
    parameters: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return MEANINGS[self.code].text.format(**dict(self.parameters))

    def as_data(self) -> dict[str, object]:
        """The note as JSON data: `code`, `parameters`, and `text` for readers."""
        return {"code": str(self.code), "parameters": dict(self.parameters), "text": str(self)}

    def without_examples(self) -> "Note":
        """The same without ids of the data set, where it gives some."""
        return Note(self.code, tuple((name, "…" if name == "examples" else each) for name, each in self.parameters))


EXCLUDING_CODES = frozenset({Code.NO_CASES, Code.ONE_PATIENT, Code.TOO_FEW_PATIENTS})
"""Codes of findings that are not in means and not tested."""


def note(code: Code, **parameters: object) -> Note:
    """A note of this code.

    Raises:
        KeyError: the text of the code needs another parameter.
    """
    made = Note(code, tuple(sorted(parameters.items())))
    str(made)
    return made


def read_notes(data: Iterable[Mapping[str, Any]]) -> list[Note]:
    """Notes out of `Note.as_data`; those of later versions are left out."""
    known = set(Code)
    return [note(Code(each["code"]), **each["parameters"]) for each in data if each["code"] in known]


SEPARATOR = "; "
"""Between notes in the column `note`; no text of a note beside a number holds it."""


def in_words(notes: Iterable[Note]) -> str:
    """Notes as one text for the column `note` of a table."""
    return SEPARATOR.join(map(str, notes))


def codes_of(notes: Iterable[Note]) -> str:
    """Codes of notes as one text for the column `codes` of a table, with blanks between them."""
    return " ".join(each.code for each in notes)


def note_columns(notes: Sequence[Note]) -> dict[str, object]:
    """The cells `note` and `codes` of a row."""
    return {"note": in_words(notes), "codes": codes_of(notes)}


def read_codes(cell: str | None) -> list[Code]:
    """Codes of a cell of the column `codes`; those of later versions are left out."""
    known = set(Code)
    return [Code(each) for each in (cell or "").split() if each in known]


def texts_of(note_cell: str | None, codes_cell: str | None) -> list[tuple[Code, str]]:
    """The notes of a row of a table, by code; none where the cells do not belong together."""
    texts, codes = (note_cell or "").split(SEPARATOR), (codes_cell or "").split()
    if len(texts) != len(codes):
        return []
    known = set(Code)
    return [(Code(code), text) for code, text in zip(codes, texts, strict=True) if code in known]


_MORE_PATIENTS = "Use a larger test set, or read the interval as a lower bound of the uncertainty."

MEANINGS: dict[Code, Meaning] = {
    Code.NO_CASES: Meaning(
        "no {side}s: left out",
        "The test images hold no positive, or no negative, image of the finding: nothing can be computed.",
        "Take a test set that holds the finding, or leave the finding out of the task.",
    ),
    Code.ONE_PATIENT: Meaning(
        "one {side} patient: left out",
        "All positive, or all negative, images are of one patient: a number would tell of that patient alone.",
        "Take a test set with more patients of the finding.",
    ),
    Code.TOO_FEW_PATIENTS: Meaning(
        "left out of macro: {patients} {side} patients (fewer than {min_positive_patients})",
        "The finding has its own row, but is not in means and not tested.",
        "Use a larger test set, or lower `min_positive_patients` before looking at results.",
    ),
    Code.FEW_PATIENTS: Meaning(
        "{patients} {side} patients: the interval may be too narrow",
        "With fewer than 20 positive (or negative) patients a bootstrap knows too little of the spread.",
        _MORE_PATIENTS,
    ),
    Code.SCORE_INTERVAL: Meaning(
        "{patients} {side} patients: score interval",
        "Below 100 patients on a side the interval of an AUROC is Newcombe's score interval, which holds what it "
        "promises where a bootstrap does not.",
        "Nothing; it is wider than a bootstrap's on purpose.",
    ),
    Code.CONSTANT_SCORES: Meaning(
        "constant scores: every image got the same, which is an AUROC of 0.5",
        "The model gives every image the same score.",
        "Look at the training: the finding may have had no positive image, or the model has collapsed.",
    ),
    Code.PERFECTLY_SEPARATED: Meaning(
        "perfectly separated: the percentile interval says nothing here",
        "Every positive is scored above every negative (or below): all bootstrap samples agree, and their interval has "
        "no width.",
        "Check for leakage; with few patients read the score interval.",
    ),
    Code.UNDEFINED_SAMPLES: Meaning(
        "{undefined} of {samples} resamples undefined and not used",
        "Some bootstrap samples held no positive or no negative patient.",
        _MORE_PATIENTS,
    ),
    Code.OPTIMISTIC_THRESHOLD: Meaning(
        "optimistic: the threshold was chosen on the images it is judged on",
        "Numbers at this threshold are better than they would be on new images.",
        "Choose thresholds on validation images: rows of the split val, or `--validation`.",
    ),
    Code.MEAN_OVER: Meaning(
        "mean over {findings} finding{plural}{left_out}",
        "How many findings the mean is a mean of, and how many have too few patients to be in it.",
        "See the rows of the findings.",
    ),
    Code.NOTHING_TO_AVERAGE: Meaning(
        "no finding has {min_positive_patients} positive and {min_positive_patients} negative patients",
        "There is no mean, and nothing is tested.",
        "Use a larger test set, or lower `min_positive_patients` before looking at results.",
    ),
    Code.ONE_SEED: Meaning(
        "one seed: the spread between runs is not in the interval",
        "The model was trained once; another seed may give another number.",
        "Train with three or more seeds.",
    ),
    Code.SEVERAL_SEEDS: Meaning(
        "{seeds} seeds",
        "Estimates are means over so many trainings, and the interval holds their spread.",
        "Nothing.",
    ),
    Code.UNEQUAL_SEEDS: Meaning(
        "{seeds} against {others} seeds",
        "The two arms were trained with different numbers of seeds.",
        "Give both arms the same seeds.",
    ),
    Code.SMALL_GROUP: Meaning(
        "{patients} patients of the rarer side (fewer than {min_patients}): not reported",
        "The group is too small for a number.",
        "Merge groups, or use a larger test set.",
    ),
    Code.SMALL_REST: Meaning(
        "{patients} patients of the rarer side in the rest (fewer than {min_patients}): no gap",
        "All images outside the group are too few to compare the group with.",
        "Merge groups, or use a larger test set.",
    ),
    Code.UNDIVIDED_COLUMN: Meaning(
        "{column}: {why}, so no groups.",
        "The column does not divide the images into two groups or more.",
        "Group by another column.",
    ),
    Code.UNKNOWN_GROUPS: Meaning(
        "{column}: not known of {unknown:,} of {images:,} images; these are in no group.",
        "Groups and their gaps are of the images whose group is known.",
        "Fill the column, if the values can be had.",
    ),
    Code.NO_UNDERDIAGNOSIS: Meaning(
        "No underdiagnosis: there are no validation images to choose thresholds on.",
        "Underdiagnosis is a rate at a threshold, and there is none.",
        "Add rows of the split val, or give `--validation`.",
    ),
    Code.CLASS_WITHOUT_IMAGES: Meaning(
        "no images: left out",
        "No test image is of this class.",
        "Take a test set that holds the class.",
    ),
    Code.CLASSES_WITHOUT_IMAGES: Meaning(
        "without images, left out: {classes}",
        "Classes without test images are not in the means.",
        "Take a test set that holds the classes.",
    ),
    Code.ALL_ROWS_OF_SPLIT: Meaning(
        "All {used:,} rows are of the split {split}.",
        "Which rows were evaluated.",
        "Nothing.",
    ),
    Code.ROWS_OF_SPLIT: Meaning(
        "{used:,} rows of the split {split} are evaluated; {left:,} rows of {others} are not.",
        "Which rows were evaluated.",
        "Name other rows with `--split`.",
    ),
    Code.NO_SPLIT: Meaning(
        "No column split: that training has not used these images was stated, and is not in the table.",
        "`--held-out` was taken at its word.",
        "Add a column `split`.",
    ),
    Code.NO_IMAGE_IDS: Meaning(
        "No column image_id: images go by row number and cannot be paired with another table's.",
        "The predictions cannot be compared with others.",
        "Add a column `image_id`.",
    ),
    Code.NO_PATIENT_IDS: Meaning(
        "No column patient_id: every image counts as a patient of its own. "
        "If patients have several images, the intervals are too narrow.",
        "The bootstrap draws images instead of patients.",
        "Add a column `patient_id`.",
    ),
    Code.BORROWED_PATIENT_IDS: Meaning(
        "patient_id is taken from {table}, for the others have none.",
        "One table of the same images has patient ids, and they count for all.",
        "Add a column `patient_id` to the others.",
    ),
    Code.REFUSED_IMAGES: Meaning(
        "{images:,} images were not scored and are left out: {reasons}.",
        "`hilum predict` refused these images; numbers are of the others.",
        "See the column `reason` of the table.",
    ),
    Code.FINDINGS_WITHOUT_LABELS: Meaning(
        "Without labels in {labels}, and left out: {findings}.",
        "The model scores findings that the labels do not name.",
        "Give labels of them, if there are any.",
    ),
    Code.IMAGES_WITHOUT_LABELS: Meaning(
        "{without:,} of {images:,} predicted images have no labels in {labels}.",
        "Numbers are of the images that have labels.",
        "Check that both tables name images alike.",
    ),
    Code.LABELS_FROM: Meaning(
        "Labels from {labels}: uncertain counts as {uncertain}, not mentioned as {not_mentioned}.",
        "How the codes of the labels were read.",
        "Nothing.",
    ),
    Code.RECALIBRATED: Meaning(
        "Probabilities are scaled ({method}) as fits {images}.",
        "Calibration is that after scaling; AUROC is unchanged by temperature and Platt scaling.",
        "Nothing.",
    ),
    Code.RECALIBRATED_IN_PART: Meaning(
        "Probabilities are scaled ({method}) as fits {images}. Without positives or negatives there, as they were: "
        "{findings}.",
        "Some findings could not be scaled.",
        "Use validation images that hold positives and negatives of them.",
    ),
    Code.SEVERAL_SPELLINGS: Meaning(
        "{patients:,} patients are written in several ways and taken for one person each: their ids differ by zeros, "
        ".0, capitals, blanks or the width of characters only ({examples})",
        "Such ids are one patient's in nearly every table. Where they are several people's, these are on one side of "
        "a split, and count as one.",
        "If they are several people, write ids that differ in more.",
    ),
    Code.PLACEHOLDER_PATIENT_IDS: Meaning(
        "{images:,} images have a word that names nobody in the place of a patient id ({examples}): their patient is "
        "not known",
        "Words for nobody, and an id of zeros among larger numbers, are what scanners and scripts write for an id "
        "that was removed.",
        "Add the patient ids.",
    ),
    Code.ROUNDED_PATIENT_IDS: Meaning(
        "patient ids of {images:,} images were rounded by a spreadsheet ({examples}): several patients may be one",
        "Spreadsheets write long numbers with an exponent and lose their last digits when they save them as text.",
        "Export the table again, with that column as text.",
    ),
    Code.ONE_PATIENT_OF_MANY: Meaning(
        "one patient has {images:,} of {of:,} images ({examples}): is that a patient?",
        "No patient has so many times the images of the others: what stands in the place of the id may name a scanner, "
        "a year, or nobody.",
        "If it is no patient, blank the id.",
    ),
    Code.IMAGES_WITHOUT_PATIENT: Meaning(
        "{images:,} images have no patient id: each counts as a patient of its own",
        "Two images of one patient may then be on two sides of a split.",
        "Add a column `patient_id` to the labels.",
    ),
    Code.PATIENTS_FROM_HEADERS: Meaning(
        "{images:,} images got their patient from the DICOM header",
        "The labels do not name their patients; headers do, by ids of the same kind.",
        "Nothing.",
    ),
    Code.HEADERS_OF_OTHER_IDS: Meaning(
        "{images:,} DICOM headers name patients in ids that the labels do not use",
        "They cannot be compared with the patients of the labels.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.HEADERS_OF_UNKNOWN_PATIENTS: Meaning(
        "{images:,} DICOM headers name patients of whom it is not known which ids of the labels are theirs",
        "Labels and headers have ids of two kinds, and these patients have no image with both.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.PATIENTS_FROM_PATHS: Meaning(
        "{images:,} images got their patient from {where}, which is the patient id of all others",
        "The labels do not name their patients; the paths do, where the paths of all other images do.",
        "Nothing.",
    ),
    Code.PATIENTS_OF_PATHS_ONLY: Meaning(
        "{patients:,} patients of {images:,} images are named by {where} only, and none of the labels ({examples})",
        "What stands there looks like the ids of the labels. If it is none, these images may be of anybody.",
        "Look at the examples; if they are no patients, name the patients in the labels.",
    ),
    Code.NUMBERS_FOR_PATIENTS: Meaning(
        "{images:,} images have in the place of the patient id, {where}, what is none ({examples}): a date, or a "
        "number of far more images than a patient has. Their patient is not known",
        "Folders of years and batches stand where other paths have the patient.",
        "Add the patient ids of these images to the labels.",
    ),
    Code.PATIENTS_FROM_COPIES: Meaning(
        "{images:,} images without a patient id are byte for byte another image: they are of its patient",
        "The same image was found under another name.",
        "Nothing.",
    ),
    Code.COPIES_NOT_SEARCHED: Meaning(
        "copies of {of} that were compressed, resized or brightened are not looked for: {why}",
        "Equal files and equal pixels are found, and nothing else: whether a model was trained on copies of test "
        "images is not known.",
        "Preprocess to {least} px or more, from images of that size.",
    ),
    Code.CONTRADICTORY_LABELS: Meaning(
        "{groups:,} images have labels under several names, and these contradict each other ({findings}; {examples})",
        "The same image is positive under one name and negative under another; both are learnt from, or judged by.",
        "Decide on one label, or leave both out.",
    ),
}


def reference() -> str:
    """docs/reference/notes.md."""
    lines = [
        "# Notes and their codes",
        "",
        "Numbers come with notes. Every note has a code that does not change between versions: tables have a column "
        "`note` for readers",
        "and a column `codes` (codes with blanks between them) for programs. This page is written by "
        "`python docs/write_notes.py`.",
        "",
        "| code | printed as | meaning | what to do |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{code}` | {each.text} | {each.meaning} | {each.advice} |" for code, each in MEANINGS.items()]
    return "\n".join(lines) + "\n"

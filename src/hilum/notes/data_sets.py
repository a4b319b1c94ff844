"""Notes on the files and tables of a data set."""

from hilum.notes.codes import Code, Meaning

_INCOMPLETE = "The data set is incomplete; the images are used all the same."
_DOWNLOAD = "Download the file, if you need it."

DATA_SETS: dict[Code, Meaning] = {
    Code.LABELS_OF_TABLE: Meaning("labels of {table}", "Table that the labels are read from.", "None."),
    Code.MISSING_ALLOWED: Meaning(
        "{missing:,} missing where {expected} was expected; allowed",
        "Parts of the data set are missing, and `--allow-missing` was given.",
        "Download the data set again, or accept that these images are not used.",
    ),
    Code.ROWS_WITHOUT_FILE: Meaning(
        "{rows:,} rows of {table} have no file; allowed{examples}",
        "Rows of the labels name no file of the folder, and `--allow-missing` was given.",
        "Write paths relative to the folder, or add the files.",
    ),
    Code.UNLISTED_FILES: Meaning(
        "{images:,} image files have no row in {table} and were excluded",
        "The folder contains images that the table of the data set does not list.",
        "Check that files and table are of the same release.",
    ),
    Code.UNLISTED_IMAGES: Meaning(
        "{images:,} images are on no list{examples}: split is blank",
        "The published lists of training, validation and test images do not contain these images.",
        "Check that files and lists are of the same release.",
    ),
    Code.UNREADABLE_FILES: Meaning(
        "{files:,} files could not be read and were excluded (rejected.parquet)",
        "Damaged or unsupported files; the table has a reason for each.",
        "See rejected.parquet; download or export these files again.",
    ),
    Code.UNSUPPORTED_FILES: Meaning(
        "kinds that Hilum does not read: {kinds}; convert them to PNG, or get the originals",
        "Image files of other formats were excluded.",
        "Convert them to PNG, or get the originals.",
    ),
    Code.OTHER_FILES: Meaning(
        "files that are not images, and were skipped: {files:,}", "Other files in the folder are ignored.", "None."
    ),
    Code.LINKS_OUTSIDE: Meaning(
        "{links:,} links lead out of the root{examples} and were not followed",
        "Files outside of the folder are never read.",
        "Copy the files into the folder, or give the folder above as root.",
    ),
    Code.NAMES_NOT_UTF8: Meaning(
        "{files:,} files or folders have names that are not UTF-8{examples} and were excluded: rename them",
        "Such names cannot be written to tables.",
        "Rename them.",
    ),
    Code.IMAGE_REMARK: Meaning(
        "{files:,} {kind}: {description}{advice}",
        "The parameter `remark` is the code of an observation about files that were read.",
        "See [remarks](../how-to/preprocessing.md).",
    ),
    Code.NO_IMAGES_IN: Meaning("no images in {folder}", _INCOMPLETE, "Download the folder, if you need it."),
    Code.NO_VAL_FOLDER: Meaning(
        "no folder val, as in Mendeley's versions: its images are in train",
        "Versions of this data set differ in their folders.",
        "None.",
    ),
    Code.FOLDER_OF_OTHERS: Meaning(
        "{folder} contains images of other collections and was excluded",
        "The folder contains images of other data sets, which would be in the study twice.",
        "None.",
    ),
    Code.NO_BOXES: Meaning(
        "no {table} here: no boxes", "Heat maps cannot be scored against boxes of these images.", _DOWNLOAD
    ),
    Code.NO_ACTIVITY: Meaning(
        "no {table} or the like here: no boxes, and activity is unknown",
        "Boxes are of active or of latent tuberculosis; without them, labels of activity are blank.",
        _DOWNLOAD,
    ),
    Code.BOXES_WITHOUT_FRAME: Meaning(
        "{boxes:,} boxes are on images of unknown size, or that are turned upright, and were excluded",
        "Boxes drawn on the stored pixels do not fit these images.",
        "None.",
    ),
    Code.BOXES_CLIPPED: Meaning(
        "{boxes:,} boxes of {table} extend beyond their images and were clipped",
        "The part of a box outside of its image is ignored.",
        "None.",
    ),
    Code.BOXES_WITHOUT_IMAGE: Meaning(
        "{boxes:,} boxes of {table} are on images that are missing or were not read, and were excluded",
        "Boxes need their image.",
        "Download the images, if you need the boxes.",
    ),
    Code.NO_LISTS: Meaning(
        "no {lists} here: {column} is blank",
        "The published split is not available.",
        "Download the lists, or use another split.",
    ),
    Code.IMPOSSIBLE_AGES: Meaning(
        "{images:,} ages below 0 or beyond 120 years were set to blank",
        "Impossible ages are errors of the table.",
        "Correct them in the table, if you know them.",
    ),
    Code.AGES_OF_ZERO: Meaning(
        "{images:,} ages of 0 mean unknown; set to blank", "The table has 0 for an unknown age.", "None."
    ),
    Code.UNKNOWN_SEX: Meaning("{images:,} images of unknown sex", "The table has no sex of these patients.", "None."),
    Code.NO_AGE_AND_SEX: Meaning("no {table} here: age and sex are blank", "Subgroups need them.", _DOWNLOAD),
    Code.FRONTAL_VIEWS: Meaning(
        "{images:,} frontal images are neither AP nor PA; their view is FRONTAL",
        "The table does not state the projection of these images.",
        "None.",
    ),
    Code.UNLABELLED_IMAGES: Meaning(
        "{images:,} images have no labels in {table}; their findings are blank",
        "Images without labels are used for pretraining only.",
        "None.",
    ),
    Code.PRETRAINING_ONLY: Meaning(
        "{unlabelled:,} of {images:,} images have no label in {table} and are used for pretraining only",
        "Images without labels cannot be used for fine-tuning or evaluation.",
        "Add their labels, if available.",
    ),
    Code.NO_FINDING_UNLABELLED: Meaning(
        "no {table} here: No Finding is not labelled", "The labels of No Finding are in that table.", _DOWNLOAD
    ),
    Code.NO_FINDING_OF_GRADES: Meaning(
        "{table} has no column healthy: No Finding is 1 if all eight grades are 0",
        "No Finding is derived from the grades.",
        "Add the column, if available.",
    ),
    Code.LABELLED_AS: Meaning(
        "{images:,} images are labelled {label}",
        "A label of the data set that is not a finding.",
        "Exclude these images, if they do not fit the question.",
    ),
    Code.UNKNOWN_TYPES: Meaning(
        "{images:,} names in PNEUMONIA contain neither bacteria nor virus; both types are null",
        "The type of pneumonia is read from file names.",
        "None.",
    ),
    Code.IGNORED_COLUMNS: Meaning(
        "columns of {table} that are not findings of Hilum's vocabulary were ignored: {columns}",
        "Other columns are available as groups, but not as findings.",
        "Rename columns of findings to names of `hilum findings`.",
    ),
    Code.LIKE_PATIENTS: Meaning(
        "column {column!r} may contain patients: if so, rename it to patient_id",
        "Without patient ids, images of one patient may be on two sides of a split (data leakage).",
        "Rename the column to `patient_id`.",
    ),
    Code.LIKE_SPLIT: Meaning(
        "column {column!r} may be a split: if so, rename it to split and use train, val or test",
        "The column is not used as a split.",
        "Rename the column to `split`.",
    ),
    Code.LIKE_LABELS: Meaning(
        "column {column!r} may contain labels: if so, use one column for each finding, with 1 and 0",
        "The column is not used as labels.",
        "Use one column for each finding.",
    ),
    Code.SPLIT_COLUMN: Meaning(
        "column {column!r} of {table} is used as the split",
        "The column has another name, but contains train, val and test only.",
        "Rename the column if it is not the split.",
    ),
    Code.NO_FINDING_COLUMNS: Meaning(
        "{table} has no column of findings: the images are unlabelled",
        "The images can be used for pretraining only.",
        "Add a column for each finding (`hilum findings`).",
    ),
}

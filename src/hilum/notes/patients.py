"""Notes on the patients and copies of a data set."""

from hilum.notes.codes import Code, Meaning

PATIENTS: dict[Code, Meaning] = {
    Code.SEVERAL_SPELLINGS: Meaning(
        "{patients:,} patients have several spellings and count as one person each: their ids differ by zeros, "
        ".0, capitals, blanks or the width of characters only{examples}",
        "Such ids are of one patient in nearly every table. If they are of several people, these are on one side of "
        "a split, and count as one.",
        "If they are several people, use ids with other differences.",
    ),
    Code.PLACEHOLDER_PATIENT_IDS: Meaning(
        "{images:,} images have a placeholder instead of a patient id{examples}: their patient is unknown",
        "Scanners and scripts write placeholders, or zeros among larger numbers, for an id that was removed.",
        "Add the patient ids.",
    ),
    Code.ROUNDED_PATIENT_IDS: Meaning(
        "patient ids of {images:,} images were rounded by a spreadsheet{examples}: several patients may be one",
        "Spreadsheets write long numbers with an exponent and lose their last digits when saved as text.",
        "Export the table again, with this column as text.",
    ),
    Code.ONE_PATIENT_OF_MANY: Meaning(
        "one patient has {images:,} of {of:,} images{examples}: is this a patient?",
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
        "{patients:,} patients of {images:,} images are only in {where}, and not in the labels{examples}",
        "The names look like the ids of the labels. If they are not, the patients of these images are unknown.",
        "Check the examples; if they are not patients, add the patients to the labels.",
    ),
    Code.NUMBERS_FOR_PATIENTS: Meaning(
        "the patient of {images:,} images is unknown: {where} has no patient id{examples}, but a date, or a number "
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
        "{groups:,} images have several names with contradictory labels of {findings}{examples}",
        "The same image is positive under one name and negative under another; both are used.",
        "Correct the label, or exclude both.",
    ),
    Code.NO_PATIENTS_PUBLISHED: Meaning(
        "no patients are published: each image counts as its own patient",
        "Images of one patient may be on two sides of a split (data leakage), and intervals may be too narrow.",
        "None.",
    ),
    Code.NO_PATIENT_MAPPING: Meaning(
        "no {table} here: each image counts as its own patient",
        "That table has the patients of the images; without it, images of one patient may be on two sides of a split.",
        "Download the table.",
    ),
    Code.NOT_IN_PATIENT_MAPPING: Meaning(
        "{images:,} images are not in {table}; each counts as its own patient",
        "The patients of these images are not published.",
        "None.",
    ),
    Code.NAMES_WITHOUT_PATIENT: Meaning(
        "{images:,} names contain no patient{examples}; each counts as its own patient",
        "In this data set, patients are part of the file names.",
        "None.",
    ),
    Code.STUDIES_FOR_PATIENTS: Meaning(
        "{images:,} images have no PatientID; each of their studies counts as a patient",
        "Studies of one patient may be on two sides of a split (data leakage).",
        "None.",
    ),
    Code.NUMBERS_IN_TRAIN_AND_TEST: Meaning(
        "{patients:,} patient numbers of test also occur in train or val and are assumed to be other children"
        "{examples}",
        "Numbers start again in the test folder.",
        "Split by patient, if you doubt that.",
    ),
    Code.PATIENTS_IN_TRAIN_AND_TEST: Meaning(
        "{patients:,} patients have images in train and in test: Kaggle split images, so its split is set to blank; "
        "split by patient",
        "The published split would be data leakage.",
        "Use `--split patients`.",
    ),
    Code.HASHED_IDS: Meaning(
        "patients, studies and images have salted hashes as ids",
        "The data set was de-identified (`--hash-patients`).",
        "Keep the salt with the data.",
    ),
}

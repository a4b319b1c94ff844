"""Notes on the images of a run, and on training patients among them (data leakage)."""

from hilum.notes.codes import Code, Meaning

_INCLUDED = "You gave `--include-training-patients`."

RUNS: dict[Code, Meaning] = {
    Code.UNREADABLE_IMAGES: Meaning(
        "{images:,} unreadable images were excluded",
        "The files of these images are missing or damaged.",
        "See rejected.parquet of the store; download or export these files again.",
    ),
    Code.ONLY_SPLIT: Meaning("only images of the split {split}", "You chose a part of the published split.", "None."),
    Code.NO_TEST_LIST: Meaning(
        "no official test list: all images are trained on; to probe later, pretrain with --split patients",
        "No patients remain that the encoder was not trained on.",
        "Use `--split patients`, unless you have other data to test on.",
    ),
    Code.EXCLUDED_PATIENTS: Meaning(
        "{images:,} images of {patients:,} {parts} patients were excluded",
        "Patients of these parts of the split are never trained on.",
        "None.",
    ),
    Code.EXCLUDED_ELSEWHERE: Meaning(
        "{images:,} images of patients that another data set excludes were excluded",
        "A patient is in several data sets, and excluded from one of them.",
        "None.",
    ),
    Code.EXCLUDED_COPIES: Meaning(
        "{images:,} images were excluded: their patients have copies of excluded images",
        "The same image was found under another name (data leakage).",
        "None.",
    ),
    Code.DUPLICATES_ONCE: Meaning(
        "{images:,} images are duplicates of other training images, and are counted once",
        "The same image was found under several names.",
        "None.",
    ),
    Code.ALL_DUPLICATES: Meaning(
        "all of its images are duplicates of other data sets", "The data set adds nothing to the pool.", "Remove it."
    ),
    Code.PATIENTS_IN_SEVERAL: Meaning(
        "{patients:,} patients are in more than one of the data sets", "Data sets share patient ids.", "None."
    ),
    Code.SAME_IDS_EXCLUDED: Meaning(
        "are these the same people? {patients:,} patient ids in the pool are also ids of patients that {other} "
        "excludes{examples}",
        "Two folders have equal patient ids; equal numbers of two hospitals are different people.",
        "If they are the same people, use one name for both folders.",
    ),
    Code.TRAINED_ON_STATED: Meaning(
        "the weights were trained on test images: {images:,} of {of_images:,} test images, {patients:,} of "
        "{of_patients:,} test patients ({parts})",
        "The authors of the weights state that they were trained on these images: metrics are optimistic.",
        "Use other weights, or other test images.",
    ),
    Code.TRAINED_ON_POSSIBLE: Meaning(
        "the weights may have been trained on test images: the training images are not known ({statements})",
        "The authors of the weights do not state which images they used: metrics may be optimistic.",
        "Use other weights, or test images of another data set.",
    ),
    Code.STATEMENTS_NOT_COMPARED: Meaning(
        "authors of the weights that {model} started from state their training images ({statements}); these are not "
        "compared with the table, which does not name its data set",
        "If the table is of one of these data sets, metrics may be optimistic.",
        "Use `hilum probe` or `hilum finetune` on the data set, which compare its images with published lists.",
    ),
    Code.TRAINED_ON_UNKNOWN: Meaning(
        "it is unknown whether the weights were trained on these patients: {why}",
        "Patient ids cannot be compared with the training patients of the weights.",
        "Set the salt of the weights (`HILUM_PATIENT_SALT`), or add the patient ids.",
    ),
    Code.TRAINING_PATIENTS_INCLUDED: Meaning(
        "{images:,} images are of patients the weights were trained on: results on them are optimistic",
        _INCLUDED,
        "Exclude them.",
    ),
    Code.TRAINING_PATIENTS_EXCLUDED: Meaning(
        "{images:,} images of patients the weights were trained on were excluded",
        "Results on training patients are optimistic.",
        "None.",
    ),
    Code.SAME_IDS_TRAINED_ON: Meaning(
        "are these the same people? {patients:,} patient ids are also ids of training patients of {issuer}. If so, use "
        "the same name for this folder: --data {issuer}=…",
        "Patients are compared within one name of a data set; equal numbers of two hospitals are different people.",
        "If they are the same people, use the same name for both folders.",
    ),
    Code.COPIES_INCLUDED: Meaning(
        "{images:,} training images are copies of validation or test images",
        _INCLUDED + " Metrics are optimistic (data leakage).",
        "Remove the copies, or give both images the same patient id.",
    ),
    Code.PATIENTS_UNKNOWN: Meaning(
        "it is unknown whether training and test images are of the same patients: {images:,} images have no patient id",
        "Two images of one patient may be on two sides of the split (data leakage).",
        "Add the patient ids.",
    ),
    Code.SAMPLED_IMAGES: Meaning(
        "{images:,} of {of:,} {kind} were selected at random", "The other images are not shown.", "None."
    ),
    Code.SAMPLED_POINTS: Meaning(
        "the plot shows {points:,} of {images:,} images, sampled at random; metrics use all images",
        "More points cannot be distinguished.",
        "Set `--max-points`.",
    ),
    Code.BOXES_OUTSIDE_CROP: Meaning(
        "{boxes:,} boxes are mostly outside the cropped image and were excluded",
        "Preprocessing crops images, and the finding is not visible to the model.",
        "Preprocess with padding instead of cropping.",
    ),
    Code.NO_CLASSES: Meaning(
        "no class separation: the labels of the data set do not give two classes",
        "Class separation needs images of two classes.",
        "Add labels.",
    ),
    Code.DATA_WITHOUT_BOXES: Meaning("{data} has no boxes.", "No boxes are drawn on these images.", "None."),
    Code.SAMPLED_OF_EACH: Meaning(
        "Drawn from all images on disk, {images} of each data set, seed {seed}.",
        "The other images are not shown.",
        "Use another `--seed`, or more images.",
    ),
    Code.MODELS_OF_SEED: Meaning("models of seed {seed}", "Of several seeds, the first one is shown.", "None."),
}

"""Notes on estimates, predictions and thresholds."""

from hilum.notes.codes import Code, Meaning

_MORE_PATIENTS = "Use a larger test set, or treat the interval as a lower bound of the uncertainty."

ESTIMATES: dict[Code, Meaning] = {
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
    Code.FEW_PATIENTS_IN_ALL: Meaning(
        "{patients} patients: the interval may be too narrow",
        "With fewer than 20 patients a bootstrap underestimates the variance.",
        _MORE_PATIENTS,
    ),
    Code.NO_INTERVAL: Meaning(
        "one patient: no interval",
        "A bootstrap of patients needs two or more.",
        "Use a larger test set.",
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
    Code.MEAN_OVER_BOXED: Meaning(
        "mean over {findings} findings of at least {min_patients} patients",
        "Number of findings with boxes in the mean.",
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
    Code.POWER_OF_MEAN: Meaning(
        "mean of {findings} of {of} findings",
        "Number of findings in the mean; the others have too few patients.",
        "See the rows of the findings.",
    ),
    Code.NOT_DETECTABLE: Meaning(
        "no difference is detectable, not even with a perfect arm",
        "The test set has too few patients to show a difference of this finding.",
        "Use a larger test set.",
    ),
    Code.POWER_TOO_FEW_PATIENTS: Meaning(
        "fewer than {min_positive_patients} positive or negative patients: excluded",
        "The finding will be excluded from means and tests.",
        "Use a larger test set, or lower `min_positive_patients` before the results are known.",
    ),
    Code.TOO_FEW_LABELS: Meaning(
        "fewer than two positives or negatives: excluded",
        "Label errors cannot be estimated without images of both classes.",
        "Use more images.",
    ),
    Code.WEAK_MODEL: Meaning(
        "AUROC {auroc:.2f}: with so weak a model the noise rates are inaccurate, that of negatives is too high, and "
        "the ceiling too low",
        "Confident learning needs a model that separates the classes.",
        "Use predictions of a better model.",
    ),
    Code.FINDINGS_NOT_SHARED: Meaning(
        "findings that are not in all tables are excluded: {findings}",
        "Test sets are compared on the findings that all of them label.",
        "None.",
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
    Code.MISSING_IMAGES: Meaning(
        "{images:,} images of the predictions are not in {data}.",
        "These images cannot be shown.",
        "Check that predictions and data set use the same image ids.",
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
}

"""Notes on training, imported weights and packaged models."""

from hilum.notes.codes import Code, Meaning

_LONGER = "Train longer, or with more images; see the advice in the text."

WEIGHTS: dict[Code, Meaning] = {
    Code.EPOCH_OF_LOWEST_LOSS: Meaning(
        "epoch {epoch} of {epochs} was kept: lowest loss, {loss:.4f}, of {images:,} held-out images",
        "Rule of the selected epoch.",
        "None.",
    ),
    Code.EPOCH_NOT_PROBED: Meaning(
        "epoch {epoch} of {epochs} was kept, the last one: not probed",
        "Without labels, representations were not evaluated during pretraining.",
        "Add labels to be able to see progress; they are not used for training.",
    ),
    Code.EPOCH_LAST: Meaning(
        "epoch {epoch} of {epochs} was kept, the last one: probe AUROC {probe:.3f} (before training {before:.3f})",
        "Rule of the selected epoch, and AUROC of the online probe.",
        "None.",
    ),
    Code.EPOCH_LAST_FEW_PATIENTS: Meaning(
        "epoch {epoch} of {epochs} was kept, the last one: probe AUROC {probe:.3f} (before training {before:.3f}, of "
        "findings with fewer than {min_patients} positive patients)",
        "Too few patients to select an epoch by the online probe.",
        "None.",
    ),
    Code.EPOCH_OF_PROBE: Meaning(
        "epoch {epoch} of {epochs} was kept, {rule}: probe AUROC {probe:.3f} (last epoch {last:.3f}, before training "
        "{before:.3f}); mean of linear and "
        "nearest-neighbour macro AUROC on {images:,} validation images",
        "Rule of the selected epoch, and AUROC of the online probe.",
        "None.",
    ),
    Code.LOSS_AT_CHANCE: Meaning(
        "little was learned: the loss ended at {loss:.3f}, near its chance level {chance:.3f}. {advice}",
        "The loss is nearly that of an encoder that does not distinguish images.",
        _LONGER,
    ),
    Code.PROBE_AS_BEFORE: Meaning(
        "little was learned: no probe is above the one before training ({before:.3f}). {advice}",
        "The online probe did not improve during pretraining.",
        _LONGER,
    ),
    Code.PROBE_FELL: Meaning(
        "the probe fell: {highest:.3f} after epoch {epoch}, {last:.3f} at the end, more than {errors:g} standard "
        "errors ({error:.3f}). `keep: best_probe` keeps that epoch.",
        "Representations were better at an earlier epoch; by chance, this happens in a few percent of runs.",
        "Use `keep: best_probe`, or train for fewer epochs.",
    ),
    Code.CONVERTED_TENSORS: Meaning(
        "{tensors:,} tensors are {dtype} in the file and float32 here", "Weights are used in float32.", "None."
    ),
    Code.ROUNDED_PERIODS: Meaning(
        "the rotary embedding's periods are the file's, rounded to half precision ({key})",
        "The file stores them in half precision, as they were trained.",
        "None.",
    ),
    Code.FOLDED_STEM: Meaning(
        "the first convolution was folded from three equal channels onto one (mean {mean:.4f}, std {std:.4f})",
        "Radiographs have one channel; the outputs are equal to those of three equal channels.",
        "None.",
    ),
    Code.POSITIONS_RESIZED: Meaning(
        "position embeddings were resized from {before}×{before} to {after}×{after} patches (bicubic, antialiased)",
        "The file is of another image size than the architecture.",
        "None.",
    ),
    Code.POSITIONS_AS_IN_FILE: Meaning(
        "position embeddings are resized as in the file's own code ({rule})",
        "Codes differ in how they resize position embeddings to other image sizes.",
        "None.",
    ),
    Code.IMAGENET_NORMALISATION: Meaning(
        "normalised as ImageNet, since nothing else was stated (mean {mean})",
        "Weights expect the normalisation of their training.",
        "State `--mean` and `--std` if the weights were trained with others.",
    ),
    Code.NO_THRESHOLD: Meaning(
        "no threshold: validation images have no positives or no negatives, or no threshold fits the rule",
        "The model has a probability of this finding, but no decision.",
        "Use more validation images, or another rule.",
    ),
    Code.UNCERTAIN_THRESHOLD: Meaning(
        "uncertain threshold: only {positive} positive and {negative} negative validation patients",
        "The threshold was chosen on few patients.",
        "Use more validation images.",
    ),
    Code.NOT_CALIBRATED: Meaning(
        "no calibration: on validation images the finding is not more frequent at higher scores",
        "Scores do not order the validation images, so that no calibration can be fitted.",
        "Check the training.",
    ),
    Code.TOO_FEW_TO_CALIBRATE: Meaning(
        "no calibration: {positive} positive and {negative} negative validation patients, {needed} of each are needed",
        "Too few patients to fit a calibration.",
        "Use more validation images.",
    ),
}

"""Whether an arm is fine-tuned on images that were made otherwise than those its encoder has learnt from."""

from hilum.data.preprocess import parse_recipe
from hilum.encoders.published import describe_weights
from hilum.finetuning.monitoring import StartDifference
from hilum.finetuning.monitoring.start_differences import start_differences
from hilum.pretext.settings import last_size
from hilum.study.file import Pretrained, Study
from hilum.study.file.pretraining import Supervised


def differences_of_start(study: Study, arm: str) -> list[StartDifference]:
    """What differs between an arm's pretraining and its fine-tuning; nothing for random weights.

    Raises:
        HilumError: weights that are no name of the registry and no directory, or of another encoder.
    """
    if study.arms[arm].features is not None:
        return []
    recipe, init = parse_recipe(study.preprocess), study.arms[arm].init
    if isinstance(init, Supervised):
        size = init.finetune.size or study.finetune.size or recipe.size
        finetuned = study.finetuning_of(arm).size or recipe.size
        return start_differences(size, recipe.as_data(), finetuned_size=finetuned, finetuned_steps=recipe.as_data())
    steps, finetuned_size = recipe.as_data(), study.finetuning_of(arm).size or recipe.size
    if isinstance(init, Pretrained):
        size = last_size(init.size or study.pretrain.size, recipe.size)
        return start_differences(size, steps, finetuned_size=finetuned_size, finetuned_steps=steps)
    if (weights := study.weights_of(arm)) is None:
        return []
    described = describe_weights(weights, study.arms[arm].encoder)
    return start_differences(
        described.image_size, described.preprocessing, finetuned_size=finetuned_size, finetuned_steps=steps
    )

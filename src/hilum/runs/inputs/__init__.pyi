from .data import (
    DataSource as DataSource,
    read_data as read_data,
    read_data_sets as read_data_sets,
)
from .leakage import (
    check_copies as check_copies,
    untrained_images as untrained_images,
)
from .models import (
    LoadedEncoder as LoadedEncoder,
    LoadedModel as LoadedModel,
    load_encoder as load_encoder,
    model_directory as model_directory,
)
from .predictions import (
    GivenPredictions as GivenPredictions,
    PredictionSource as PredictionSource,
    read_given as read_given,
)

from .data import (
    DataSource as DataSource,
)
from .data import (
    read_data as read_data,
)
from .data import (
    read_data_sets as read_data_sets,
)
from .leakage import (
    check_copies as check_copies,
)
from .leakage import (
    untrained_images as untrained_images,
)
from .models import (
    LoadedEncoder as LoadedEncoder,
)
from .models import (
    LoadedModel as LoadedModel,
)
from .models import (
    load_encoder as load_encoder,
)
from .models import (
    model_directory as model_directory,
)
from .predictions import (
    GivenPredictions as GivenPredictions,
)
from .predictions import (
    PredictionSource as PredictionSource,
)
from .predictions import (
    read_given as read_given,
)

from .explain import Explanation as Explanation
from .finetuning import Finetuning as Finetuning
from .pretraining import Pretrained as Pretrained
from .read import (
    Yaml12Loader as Yaml12Loader,
    as_yaml as as_yaml,
    parse_study as parse_study,
    read_study as read_study,
)
from .scale import tiny as tiny
from .schema import (
    Arm as Arm,
    DataSet as DataSet,
    Study as Study,
)
from .settings import (
    finetune_settings as finetune_settings,
    pretext_settings as pretext_settings,
    resolved_finetuning as resolved_finetuning,
    resolved_pretraining as resolved_pretraining,
)
from .shipped import (
    find_study as find_study,
    shipped_studies as shipped_studies,
)
from .sweep import Sweep as Sweep
from .task import (
    ListedSplit as ListedSplit,
    PaperSplit as PaperSplit,
    PatientSplit as PatientSplit,
)

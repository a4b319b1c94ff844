from .explain import (
    Explanation as Explanation,
)
from .finetuning import (
    Finetuning as Finetuning,
)
from .pretraining import (
    Pretrained as Pretrained,
)
from .read import (
    Yaml12Loader as Yaml12Loader,
)
from .read import (
    as_yaml as as_yaml,
)
from .read import (
    parse_study as parse_study,
)
from .read import (
    read_study as read_study,
)
from .scale import (
    tiny as tiny,
)
from .schema import (
    Arm as Arm,
)
from .schema import (
    DataSet as DataSet,
)
from .schema import (
    Study as Study,
)
from .settings import (
    finetune_settings as finetune_settings,
)
from .settings import (
    pretext_settings as pretext_settings,
)
from .settings import (
    resolved_finetuning as resolved_finetuning,
)
from .settings import (
    resolved_pretraining as resolved_pretraining,
)
from .shipped import (
    find_study as find_study,
)
from .shipped import (
    shipped_studies as shipped_studies,
)
from .sweep import (
    Sweep as Sweep,
)
from .task import (
    ListedSplit as ListedSplit,
)
from .task import (
    PaperSplit as PaperSplit,
)
from .task import (
    PatientSplit as PatientSplit,
)

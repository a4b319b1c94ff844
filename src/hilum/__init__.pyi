from .prediction.classifiers import (
    load_classifier as load_classifier,
)
from .prediction.predict import (
    predict as predict,
)
from .runs.compare import (
    compare as compare,
)
from .runs.datasets.doctor import (
    doctor as doctor,
)
from .runs.datasets.ingest import (
    ingest as ingest,
)
from .runs.datasets.preview import (
    preview as preview,
)
from .runs.embed import (
    embed as embed,
)
from .runs.evaluate import (
    evaluate as evaluate,
)
from .runs.explain import (
    explain as explain,
)
from .runs.external_validation import (
    external_validation as external_validation,
)
from .runs.finetune import (
    finetune as finetune,
)
from .runs.inputs.models import (
    load_encoder as load_encoder,
)
from .runs.label_issues import (
    label_issues as label_issues,
)
from .runs.power import (
    power as power,
)
from .runs.pretrain import (
    pretrain as pretrain,
)
from .runs.probe import (
    probe as probe,
)
from .runs.report import (
    build_report as build_report,
)
from .study.package import (
    package as package,
)
from .study.run import (
    run_study as run_study,
)

__version__: str
__all__: list[str]

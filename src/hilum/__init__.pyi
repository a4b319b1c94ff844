from .prediction.classifiers import load_classifier as load_classifier
from .runs.compare import compare as compare
from .runs.embed import embed as embed
from .runs.evaluate import evaluate as evaluate
from .runs.explain import explain as explain
from .runs.finetune import finetune as finetune
from .runs.inputs.models import load_encoder as load_encoder
from .runs.pretrain import pretrain as pretrain
from .runs.probe import probe as probe
from .study.run import run_study as run_study

__version__: str
__all__: list[str]

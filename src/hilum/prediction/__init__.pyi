from .classifiers import (
    LoadedClassifier as LoadedClassifier,
)
from .classifiers import (
    load_classifier as load_classifier,
)
from .loading import (
    PackagedClassifier as PackagedClassifier,
)
from .loading import (
    load_package as load_package,
)

from .classifiers import (
    LoadedClassifier as LoadedClassifier,
    load_classifier as load_classifier,
)
from .loading import (
    PackagedClassifier as PackagedClassifier,
    load_package as load_package,
)

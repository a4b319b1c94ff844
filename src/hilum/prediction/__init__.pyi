from .loading import (
    LoadedClassifier as LoadedClassifier,
)
from .loading import (
    load_classifier as load_classifier,
)

from .feature_arm import (
    score_feature_arm as score_feature_arm,
)
from .feature_heads import (
    FEATURE_HEADS as FEATURE_HEADS,
)
from .feature_heads import (
    FeatureHead as FeatureHead,
)
from .feature_heads import (
    score_features as score_features,
)
from .feature_table import (
    FeatureTable as FeatureTable,
)
from .feature_table import (
    read_features as read_features,
)
from .published_classifier import (
    load_published_classifier as load_published_classifier,
)
from .published_classifier import (
    score_as_published as score_as_published,
)

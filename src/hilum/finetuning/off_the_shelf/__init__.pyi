from .feature_arm import score_feature_arm as score_feature_arm
from .feature_heads import (
    FEATURE_HEADS as FEATURE_HEADS,
    FeatureHead as FeatureHead,
    score_features as score_features,
)
from .feature_table import (
    FeatureTable as FeatureTable,
    read_features as read_features,
)
from .published_classifier import (
    load_published_classifier as load_published_classifier,
    score_as_published as score_as_published,
)

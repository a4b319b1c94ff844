from .classes import (
    ANOMALIES as ANOMALIES,
    ILL as ILL,
    NO_FINDING as NO_FINDING,
    SINGLE as SINGLE,
    TITLES as TITLES,
    Grouping as Grouping,
    groupings as groupings,
)
from .embed import (
    ChosenImages as ChosenImages,
    Embedded as Embedded,
    embed_images as embed_images,
    images_to_embed as images_to_embed,
    write_embedded as write_embedded,
)
from .features import (
    BeforeHead as BeforeHead,
    Features as Features,
    features_of as features_of,
    load_feature_model as load_feature_model,
    recipe_of as recipe_of,
    write_features as write_features,
)
from .neighbours import (
    nearest_images as nearest_images,
    neighbours_table as neighbours_table,
    rows_of as rows_of,
)
from .project import (
    FEWEST_IMAGES as FEWEST_IMAGES,
    principal_components as principal_components,
)
from .purity import (
    ALL as ALL,
    METRICS as METRICS,
    SCHEMA as SCHEMA,
    class_separation as class_separation,
)

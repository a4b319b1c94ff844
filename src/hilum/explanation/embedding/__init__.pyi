from .classes import (
    ANOMALIES as ANOMALIES,
)
from .classes import (
    ILL as ILL,
)
from .classes import (
    NO_FINDING as NO_FINDING,
)
from .classes import (
    SINGLE as SINGLE,
)
from .classes import (
    TITLES as TITLES,
)
from .classes import (
    Grouping as Grouping,
)
from .classes import (
    groupings as groupings,
)
from .embed import (
    ChosenImages as ChosenImages,
)
from .embed import (
    Embedded as Embedded,
)
from .embed import (
    embed_images as embed_images,
)
from .embed import (
    images_to_embed as images_to_embed,
)
from .embed import (
    write_embedded as write_embedded,
)
from .features import (
    BeforeHead as BeforeHead,
)
from .features import (
    Features as Features,
)
from .features import (
    features_of as features_of,
)
from .features import (
    load_feature_model as load_feature_model,
)
from .features import (
    recipe_of as recipe_of,
)
from .features import (
    write_features as write_features,
)
from .neighbours import (
    nearest_images as nearest_images,
)
from .neighbours import (
    neighbours_table as neighbours_table,
)
from .neighbours import (
    rows_of as rows_of,
)
from .project import (
    FEWEST_IMAGES as FEWEST_IMAGES,
)
from .project import (
    principal_components as principal_components,
)
from .purity import (
    ALL as ALL,
)
from .purity import (
    METRICS as METRICS,
)
from .purity import (
    SCHEMA as SCHEMA,
)
from .purity import (
    class_separation as class_separation,
)

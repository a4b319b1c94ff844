from .attention import (
    LONGEST_WRITTEN_OUT as LONGEST_WRITTEN_OUT,
)
from .attention import (
    explicit_short_attention as explicit_short_attention,
)
from .conv_small_inputs import (
    NARROWEST as NARROWEST,
)
from .conv_small_inputs import (
    Overlap as Overlap,
)
from .conv_small_inputs import (
    fraction_on_map as fraction_on_map,
)
from .conv_small_inputs import (
    overlaps as overlaps,
)
from .conv_small_inputs import (
    small_convolutions_as_products as small_convolutions_as_products,
)
from .malloc import (
    keep_freed_memory as keep_freed_memory,
)

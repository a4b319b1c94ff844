from .attention import (
    LONGEST_WRITTEN_OUT as LONGEST_WRITTEN_OUT,
    explicit_short_attention as explicit_short_attention,
)
from .conv_small_inputs import (
    NARROWEST as NARROWEST,
    Overlap as Overlap,
    fraction_on_map as fraction_on_map,
    overlaps as overlaps,
    small_convolutions_as_products as small_convolutions_as_products,
)
from .malloc import keep_freed_memory as keep_freed_memory

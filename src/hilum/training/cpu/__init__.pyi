from .attention import (
    LONGEST_WRITTEN_OUT as LONGEST_WRITTEN_OUT,
)
from .attention import (
    short_attention_written_out as short_attention_written_out,
)
from .memory import (
    retained_memory as retained_memory,
)
from .small_maps import (
    NARROWEST as NARROWEST,
)
from .small_maps import (
    Overlap as Overlap,
)
from .small_maps import (
    overlaps as overlaps,
)
from .small_maps import (
    share_on_map as share_on_map,
)
from .small_maps import (
    small_maps_multiplied as small_maps_multiplied,
)

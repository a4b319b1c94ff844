from .arms import (
    MeasuredArms as MeasuredArms,
)
from .arms import (
    check_redraws as check_redraws,
)
from .arms import (
    measure_arms as measure_arms,
)
from .seeds import (
    ArmRedraws as ArmRedraws,
)
from .seeds import (
    LayerRedraws as LayerRedraws,
)
from .seeds import (
    Redrawn as Redrawn,
)
from .seeds import (
    arms_of_layers as arms_of_layers,
)
from .seeds import (
    layers_of as layers_of,
)
from .seeds import (
    redraw_arms as redraw_arms,
)
from .seeds import (
    redraw_layers as redraw_layers,
)
from .seeds import (
    seed_weights as seed_weights,
)
from .seeds import (
    strata_by_rarest as strata_by_rarest,
)

from .arms import (
    BootstrappedArms as BootstrappedArms,
)
from .arms import (
    MeasureOptions as MeasureOptions,
)
from .arms import (
    check_n_bootstrap as check_n_bootstrap,
)
from .arms import (
    measure_arms as measure_arms,
)
from .seeds import (
    ArmResamples as ArmResamples,
)
from .seeds import (
    LayerResamples as LayerResamples,
)
from .seeds import (
    Resampled as Resampled,
)
from .seeds import (
    arms_of_layers as arms_of_layers,
)
from .seeds import (
    bootstrap_layers as bootstrap_layers,
)
from .seeds import (
    layers_of as layers_of,
)
from .seeds import (
    seed_weights as seed_weights,
)
from .seeds import (
    stratify_by_rarest_label as stratify_by_rarest_label,
)

from .arms import (
    BootstrappedArms as BootstrappedArms,
    MeasureOptions as MeasureOptions,
    measure_arms as measure_arms,
)
from .seeds import (
    ArmResamples as ArmResamples,
    LayerResamples as LayerResamples,
    Resampled as Resampled,
    arms_of_layers as arms_of_layers,
    bootstrap_layers as bootstrap_layers,
    layers_of as layers_of,
    seed_weights as seed_weights,
    stratify_by_rarest_label as stratify_by_rarest_label,
)

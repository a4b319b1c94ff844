from .attention import (
    attention_map as attention_map,
    capture_attention as capture_attention,
    rollout as rollout,
)
from .class_activation import (
    METHODS as METHODS,
    grad_cam as grad_cam,
    grad_cam_plus_plus as grad_cam_plus_plus,
    layer_cam as layer_cam,
)
from .heat_maps import (
    HeatMaps as HeatMaps,
    covered as covered,
)
from .last_features import (
    activations_and_gradients as activations_and_gradients,
    logits_of_map as logits_of_map,
)
from .models import (
    Model as Model,
    load_models as load_models,
    maps_of_pairs as maps_of_pairs,
    probabilities as probabilities,
    random_twin as random_twin,
)
from .occlusion import occlusion_maps as occlusion_maps

from .attention import (
    attention_map as attention_map,
)
from .attention import (
    capture_attention as capture_attention,
)
from .attention import (
    rollout as rollout,
)
from .class_activation import (
    METHODS as METHODS,
)
from .class_activation import (
    grad_cam as grad_cam,
)
from .class_activation import (
    grad_cam_plus_plus as grad_cam_plus_plus,
)
from .class_activation import (
    layer_cam as layer_cam,
)
from .heat_maps import (
    HeatMaps as HeatMaps,
)
from .heat_maps import (
    covered as covered,
)
from .last_features import (
    activations_and_gradients as activations_and_gradients,
)
from .last_features import (
    logits_of_map as logits_of_map,
)
from .models import (
    Model as Model,
)
from .models import (
    load_models as load_models,
)
from .models import (
    maps_of_pairs as maps_of_pairs,
)
from .models import (
    probabilities as probabilities,
)
from .models import (
    random_twin as random_twin,
)
from .occlusion import (
    occlusion_maps as occlusion_maps,
)

from .optimizers import (
    create_optimizer as create_optimizer,
    set_learning_rate as set_learning_rate,
    set_weight_decay as set_weight_decay,
)
from .schedule import (
    Lowest as Lowest,
    Plateau as Plateau,
    learning_rate_factor as learning_rate_factor,
    weight_decay_at as weight_decay_at,
)

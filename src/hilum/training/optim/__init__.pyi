from .optimizers import (
    create_optimizer as create_optimizer,
)
from .optimizers import (
    set_learning_rate as set_learning_rate,
)
from .optimizers import (
    set_weight_decay as set_weight_decay,
)
from .schedule import (
    Lowest as Lowest,
)
from .schedule import (
    Plateau as Plateau,
)
from .schedule import (
    learning_rate_factor as learning_rate_factor,
)
from .schedule import (
    weight_decay_at as weight_decay_at,
)

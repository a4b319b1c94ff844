from .camera import (
    Camera as Camera,
)
from .camera import (
    frontal_camera as frontal_camera,
)
from .rays import (
    Attenuation as Attenuation,
)
from .rays import (
    LineIntegrals as LineIntegrals,
)
from .rays import (
    line_integrals as line_integrals,
)
from .solids import (
    ADDED as ADDED,
)
from .solids import (
    AIRSPACE as AIRSPACE,
)
from .solids import (
    BODY as BODY,
)
from .solids import (
    EITHER as EITHER,
)
from .solids import (
    LEFT as LEFT,
)
from .solids import (
    RIGHT as RIGHT,
)
from .solids import (
    SOLID as SOLID,
)
from .solids import (
    Solids as Solids,
)
from .solids import (
    ellipsoids as ellipsoids,
)
from .solids import (
    path as path,
)
from .solids import (
    together as together,
)
from .solids import (
    tubes as tubes,
)
from .solids import (
    turned as turned,
)

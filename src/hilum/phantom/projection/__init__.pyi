from .camera import (
    Camera as Camera,
    frontal_camera as frontal_camera,
)
from .rays import (
    Attenuation as Attenuation,
    LineIntegrals as LineIntegrals,
    line_integrals as line_integrals,
)
from .solids import (
    ADDED as ADDED,
    AIRSPACE as AIRSPACE,
    BODY as BODY,
    EITHER as EITHER,
    LEFT as LEFT,
    RIGHT as RIGHT,
    SOLID as SOLID,
    Solids as Solids,
    ellipsoids as ellipsoids,
    path as path,
    together as together,
    tubes as tubes,
    turned as turned,
)

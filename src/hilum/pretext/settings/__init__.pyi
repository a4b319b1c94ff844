from .overrides import (
    SettingOverrides as SettingOverrides,
)
from .overrides import (
    parse_overrides as parse_overrides,
)
from .presets import (
    IMAGES as IMAGES,
)
from .presets import (
    nearest_preset as nearest_preset,
)
from .presets import (
    preset as preset,
)
from .pretext import (
    PretextSettings as PretextSettings,
)
from .resolve import (
    ResolvedSettings as ResolvedSettings,
)
from .resolve import (
    resolve_settings as resolve_settings,
)
from .run import (
    RunSettings as RunSettings,
)
from .sizes import (
    SizeCurriculum as SizeCurriculum,
)
from .sizes import (
    early_sizes as early_sizes,
)
from .sizes import (
    last_size as last_size,
)
from .sizes import (
    mean_size as mean_size,
)

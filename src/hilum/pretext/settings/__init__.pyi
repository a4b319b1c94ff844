from .overrides import (
    SettingOverrides as SettingOverrides,
    parse_overrides as parse_overrides,
)
from .presets import (
    IMAGES as IMAGES,
    nearest_preset as nearest_preset,
    preset as preset,
)
from .pretext import PretextSettings as PretextSettings
from .resolve import (
    ResolvedSettings as ResolvedSettings,
    resolve_settings as resolve_settings,
)
from .run import RunSettings as RunSettings
from .sizes import (
    SizeCurriculum as SizeCurriculum,
    early_sizes as early_sizes,
    last_size as last_size,
    mean_size as mean_size,
)

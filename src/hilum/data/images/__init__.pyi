from .decoder_warnings import (
    without_decoder_warnings as without_decoder_warnings,
)
from .exif_orientation import (
    Turn as Turn,
)
from .exif_orientation import (
    may_be_turned as may_be_turned,
)
from .exif_orientation import (
    turn_of_image as turn_of_image,
)
from .exif_orientation import (
    turn_of_png as turn_of_png,
)
from .remarks import (
    Remark as Remark,
)
from .remarks import (
    count_notes as count_notes,
)
from .remarks import (
    in_order as in_order,
)

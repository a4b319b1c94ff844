from .decoder_warnings import without_decoder_warnings as without_decoder_warnings
from .exif_orientation import (
    Turn as Turn,
    may_be_turned as may_be_turned,
    turn_of_image as turn_of_image,
    turn_of_png as turn_of_png,
)
from .remarks import (
    Remark as Remark,
    count_notes as count_notes,
    in_order as in_order,
)

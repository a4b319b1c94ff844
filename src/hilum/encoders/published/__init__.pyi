from .classifiers import (
    CLASSIFIER as CLASSIFIER,
    classifier_in as classifier_in,
    read_classifier as read_classifier,
    write_classifier_beside as write_classifier_beside,
)
from .fetching import (
    check as check,
    fetch as fetch,
)
from .folder import (
    VARIABLE as VARIABLE,
    find_imported as find_imported,
    remembered_checksum as remembered_checksum,
    weights_folder as weights_folder,
)
from .identity import check_classifier as check_classifier
from .importing import (
    REPORT as REPORT,
    ImportReport as ImportReport,
    encoder_of as encoder_of,
    layout_of as layout_of,
    load_file as load_file,
)
from .inert_unpickling import read as read
from .own_weights import (
    StatedWeights as StatedWeights,
    import_own as import_own,
)
from .reading import (
    PickledObjects as PickledObjects,
    checkpoint_in as checkpoint_in,
    flatten as flatten,
    read_tensors as read_tensors,
)
from .registry import (
    RANDOM as RANDOM,
    PublishedWeights as PublishedWeights,
    find_weights as find_weights,
    is_published as is_published,
    published_weights as published_weights,
    rows_of_file as rows_of_file,
    shorthands as shorthands,
    statements_of as statements_of,
)
from .resolving import (
    describe_weights as describe_weights,
    import_weights as import_weights,
    resolve_weights as resolve_weights,
)
from .soundness import (
    agree as agree,
    check_rotary as check_rotary,
)
from .unpickling import unpickled_tensors as unpickled_tensors

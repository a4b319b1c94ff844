from .classifiers import (
    CLASSIFIER as CLASSIFIER,
)
from .classifiers import (
    classifier_in as classifier_in,
)
from .classifiers import (
    read_classifier as read_classifier,
)
from .classifiers import (
    write_classifier_beside as write_classifier_beside,
)
from .fetching import (
    check as check,
)
from .fetching import (
    fetch as fetch,
)
from .folder import (
    VARIABLE as VARIABLE,
)
from .folder import (
    find_imported as find_imported,
)
from .folder import (
    remembered_checksum as remembered_checksum,
)
from .folder import (
    weights_folder as weights_folder,
)
from .identity import (
    check_classifier as check_classifier,
)
from .importing import (
    REPORT as REPORT,
)
from .importing import (
    ImportReport as ImportReport,
)
from .importing import (
    encoder_of as encoder_of,
)
from .importing import (
    layout_of as layout_of,
)
from .importing import (
    load_file as load_file,
)
from .inert_unpickling import (
    read as read,
)
from .own_weights import (
    StatedWeights as StatedWeights,
)
from .own_weights import (
    import_own as import_own,
)
from .reading import (
    PickledObjects as PickledObjects,
)
from .reading import (
    checkpoint_in as checkpoint_in,
)
from .reading import (
    flatten as flatten,
)
from .reading import (
    read_tensors as read_tensors,
)
from .registry import (
    RANDOM as RANDOM,
)
from .registry import (
    PublishedWeights as PublishedWeights,
)
from .registry import (
    find_weights as find_weights,
)
from .registry import (
    is_published as is_published,
)
from .registry import (
    published_weights as published_weights,
)
from .registry import (
    rows_of_file as rows_of_file,
)
from .registry import (
    shorthands as shorthands,
)
from .registry import (
    statements_of as statements_of,
)
from .resolving import (
    describe_weights as describe_weights,
)
from .resolving import (
    import_weights as import_weights,
)
from .resolving import (
    resolve_weights as resolve_weights,
)
from .soundness import (
    agree as agree,
)
from .soundness import (
    check_rotary as check_rotary,
)
from .unpickling import (
    unpickled_tensors as unpickled_tensors,
)

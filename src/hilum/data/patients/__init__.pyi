from .columns import (
    patients_of_many_images as patients_of_many_images,
)
from .columns import (
    spellings_of_patients as spellings_of_patients,
)
from .columns import (
    with_canonical_patients as with_canonical_patients,
)
from .ids import (
    canonical_patient_id as canonical_patient_id,
)
from .ids import (
    is_placeholder_id as is_placeholder_id,
)
from .ids import (
    spellings as spellings,
)
from .ids import (
    without_zeros as without_zeros,
)
from .names import (
    GENERATED_MARK as GENERATED_MARK,
)
from .names import (
    full_names as full_names,
)
from .names import (
    issuer_of as issuer_of,
)
from .names import (
    mark_generated as mark_generated,
)
from .names import (
    patient_names as patient_names,
)
from .pseudonyms import (
    OWN_COLLECTIONS as OWN_COLLECTIONS,
)
from .pseudonyms import (
    PUBLIC_SALT as PUBLIC_SALT,
)
from .pseudonyms import (
    VARIABLE as VARIABLE,
)
from .pseudonyms import (
    WITHOUT_ID as WITHOUT_ID,
)
from .pseudonyms import (
    check_same_salt as check_same_salt,
)
from .pseudonyms import (
    has_own_ids as has_own_ids,
)
from .pseudonyms import (
    hashed as hashed,
)
from .pseudonyms import (
    is_public as is_public,
)
from .pseudonyms import (
    known_salts as known_salts,
)
from .pseudonyms import (
    own_salt as own_salt,
)
from .pseudonyms import (
    pseudonym as pseudonym,
)
from .pseudonyms import (
    pseudonymised_names as pseudonymised_names,
)
from .pseudonyms import (
    read_salt as read_salt,
)
from .pseudonyms import (
    salt_file as salt_file,
)
from .pseudonyms import (
    salt_name as salt_name,
)
from .pseudonyms import (
    salt_of as salt_of,
)

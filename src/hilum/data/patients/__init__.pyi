from .columns import (
    patients_of_many_images as patients_of_many_images,
    spellings_of_patients as spellings_of_patients,
    with_canonical_patients as with_canonical_patients,
)
from .ids import (
    canonical_patient_id as canonical_patient_id,
    is_placeholder_id as is_placeholder_id,
    spellings as spellings,
    without_zeros as without_zeros,
)
from .names import (
    GENERATED_MARK as GENERATED_MARK,
    full_names as full_names,
    issuer_of as issuer_of,
    mark_generated as mark_generated,
    patient_names as patient_names,
)
from .pseudonyms import (
    OWN_COLLECTIONS as OWN_COLLECTIONS,
    PUBLIC_SALT as PUBLIC_SALT,
    VARIABLE as VARIABLE,
    WITHOUT_ID as WITHOUT_ID,
    check_same_salt as check_same_salt,
    has_own_ids as has_own_ids,
    hashed as hashed,
    is_public as is_public,
    known_salts as known_salts,
    own_salt as own_salt,
    pseudonym as pseudonym,
    pseudonymised_names as pseudonymised_names,
    read_salt as read_salt,
    salt_file as salt_file,
    salt_name as salt_name,
    salt_of as salt_of,
)

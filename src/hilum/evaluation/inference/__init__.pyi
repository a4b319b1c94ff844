from .covariance import (
    LayerCovariance as LayerCovariance,
)
from .covariance import (
    auroc_covariance as auroc_covariance,
)
from .covariance import (
    bootstrap_covariance as bootstrap_covariance,
)
from .delong import (
    DeLong as DeLong,
)
from .hanley_mcneil import (
    auroc_variance as auroc_variance,
)
from .hanley_mcneil import (
    score_interval as score_interval,
)
from .intervals import (
    FEW_PATIENTS as FEW_PATIENTS,
)
from .intervals import (
    bca_interval as bca_interval,
)
from .intervals import (
    effective_n_patients as effective_n_patients,
)
from .intervals import (
    equivalence_p as equivalence_p,
)
from .intervals import (
    interval_for_few_patients as interval_for_few_patients,
)
from .intervals import (
    minimum_detectable_difference as minimum_detectable_difference,
)
from .intervals import (
    percentile_interval as percentile_interval,
)
from .intervals import (
    two_sided_p as two_sided_p,
)
from .jackknife import (
    cluster_jackknife as cluster_jackknife,
)
from .joint import (
    JointTest as JointTest,
)
from .joint import (
    joint_test as joint_test,
)
from .joint import (
    joint_test_of_seeds as joint_test_of_seeds,
)
from .multiplicity import (
    ADJUSTMENTS as ADJUSTMENTS,
)
from .multiplicity import (
    Adjustment as Adjustment,
)
from .multiplicity import (
    benjamini_hochberg as benjamini_hochberg,
)
from .multiplicity import (
    holm as holm,
)
from .notes import (
    TOO_NARROW as TOO_NARROW,
)
from .notes import (
    TRUSTED_PATIENTS as TRUSTED_PATIENTS,
)
from .notes import (
    case_notes as case_notes,
)
from .notes import (
    estimate_columns as estimate_columns,
)
from .notes import (
    macro_notes as macro_notes,
)
from .notes import (
    note_of_seeds as note_of_seeds,
)
from .notes import (
    number_or_null as number_or_null,
)
from .notes import (
    undefined_notes as undefined_notes,
)
from .obuchowski_rockette import (
    SEED_DESIGNS as SEED_DESIGNS,
)
from .obuchowski_rockette import (
    SEED_INFERENCES as SEED_INFERENCES,
)
from .obuchowski_rockette import (
    SeedDesign as SeedDesign,
)
from .obuchowski_rockette import (
    SeedInference as SeedInference,
)
from .obuchowski_rockette import (
    SeedTest as SeedTest,
)
from .obuchowski_rockette import (
    compare_seeds as compare_seeds,
)
from .obuchowski_rockette import (
    seeds_vary as seeds_vary,
)
from .permutation import (
    permutation_p as permutation_p,
)
from .power import (
    Assumptions as Assumptions,
)
from .power import (
    TestSet as TestSet,
)
from .power import (
    images_for_difference as images_for_difference,
)
from .power import (
    smallest_detectable_difference as smallest_detectable_difference,
)
from .sample_size import (
    replication_probability as replication_probability,
)
from .sample_size import (
    seeds_to_show as seeds_to_show,
)
from .sample_size import (
    times_patients_to_show as times_patients_to_show,
)
from .sample_size import (
    with_sample_size as with_sample_size,
)
from .sequential import (
    Look as Look,
)
from .sequential import (
    Spending as Spending,
)
from .sequential import (
    boundaries as boundaries,
)
from .sequential import (
    spent as spent,
)

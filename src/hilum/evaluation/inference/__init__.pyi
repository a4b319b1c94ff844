from .covariance import (
    LayerCovariance as LayerCovariance,
    auroc_covariance as auroc_covariance,
    bootstrap_covariance as bootstrap_covariance,
)
from .delong import DeLong as DeLong
from .hanley_mcneil import (
    auroc_variance as auroc_variance,
    score_interval as score_interval,
)
from .intervals import (
    FEW_PATIENTS as FEW_PATIENTS,
    bca_interval as bca_interval,
    effective_n_patients as effective_n_patients,
    equivalence_p as equivalence_p,
    interval_for_few_patients as interval_for_few_patients,
    minimum_detectable_difference as minimum_detectable_difference,
    percentile_interval as percentile_interval,
    two_sided_p as two_sided_p,
)
from .jackknife import cluster_jackknife as cluster_jackknife
from .joint import (
    JointTest as JointTest,
    joint_test as joint_test,
    joint_test_of_seeds as joint_test_of_seeds,
)
from .multiplicity import (
    ADJUSTMENTS as ADJUSTMENTS,
    Adjustment as Adjustment,
    benjamini_hochberg as benjamini_hochberg,
    holm as holm,
)
from .notes import (
    TOO_NARROW as TOO_NARROW,
    TRUSTED_PATIENTS as TRUSTED_PATIENTS,
    case_notes as case_notes,
    estimate_columns as estimate_columns,
    macro_notes as macro_notes,
    note_of_seeds as note_of_seeds,
    number_or_null as number_or_null,
    undefined_notes as undefined_notes,
)
from .obuchowski_rockette import (
    SEED_DESIGNS as SEED_DESIGNS,
    SEED_INFERENCES as SEED_INFERENCES,
    SeedDesign as SeedDesign,
    SeedInference as SeedInference,
    SeedTest as SeedTest,
    compare_seeds as compare_seeds,
    seeds_vary as seeds_vary,
)
from .permutation import permutation_p as permutation_p
from .power import (
    Assumptions as Assumptions,
    TestSet as TestSet,
    images_for_difference as images_for_difference,
    smallest_detectable_difference as smallest_detectable_difference,
)
from .sample_size import (
    replication_probability as replication_probability,
    seeds_to_show as seeds_to_show,
    times_patients_to_show as times_patients_to_show,
    with_sample_size as with_sample_size,
)
from .sequential import (
    Look as Look,
    Spending as Spending,
    boundaries as boundaries,
    spent as spent,
)

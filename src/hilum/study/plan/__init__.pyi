from .describe import (
    Plan as Plan,
    arm_row as arm_row,
    parameter_counts as parameter_counts,
    plan_data as plan_data,
    plan_study as plan_study,
)
from .failures import (
    FailedArm as FailedArm,
    describe_failure as describe_failure,
    failed_arms as failed_arms,
    keys_after_failures as keys_after_failures,
    keys_with_failures as keys_with_failures,
    without_failed as without_failed,
)
from .fetching import (
    available_roots as available_roots,
    fetch_missing as fetch_missing,
)
from .fingerprints import (
    step_keys as step_keys,
)
from .label_fraction import (
    LabelledSubset as LabelledSubset,
    as_rows as as_rows,
    describe_subsets as describe_subsets,
    labelled_subsets as labelled_subsets,
)
from .leakage import (
    contamination_of as contamination_of,
    doubts_of as doubts_of,
    pixels_once as pixels_once,
    refuse_contaminated as refuse_contaminated,
    refuse_trained_copies as refuse_trained_copies,
    without_pixel_copies as without_pixel_copies,
)
from .learnable_labels import (
    label_problems as label_problems,
)
from .power import (
    detectable_differences as detectable_differences,
)
from .predictions import (
    labels as labels,
    write_predictions as write_predictions,
)
from .record import (
    clear_for as clear_for,
    forget_progress as forget_progress,
    forget_without_page as forget_without_page,
    is_done as is_done,
    part_directory as part_directory,
    read_progress as read_progress,
    read_record as read_record,
    record_failure as record_failure,
    recorded_progress as recorded_progress,
    run_once as run_once,
)
from .starts import (
    differences_of_start as differences_of_start,
    start_of as start_of,
)
from .step_types import (
    Step as Step,
)
from .steps import (
    BASELINES as BASELINES,
    EVALUATION as EVALUATION,
    EXPLANATION as EXPLANATION,
    REPORT as REPORT,
    count_images as count_images,
    estimate_image_counts as estimate_image_counts,
    external_directory as external_directory,
    finetuning_directory as finetuning_directory,
    pretraining_directories as pretraining_directories,
    pretraining_directory as pretraining_directory,
    shares_its_start as shares_its_start,
    steps_of as steps_of,
    view_directory as view_directory,
    view_name as view_name,
)

from .describe import (
    Plan as Plan,
)
from .describe import (
    arm_row as arm_row,
)
from .describe import (
    parameter_counts as parameter_counts,
)
from .describe import (
    plan_data as plan_data,
)
from .describe import (
    plan_study as plan_study,
)
from .failures import (
    FailedArm as FailedArm,
)
from .failures import (
    describe_failure as describe_failure,
)
from .failures import (
    failed_arms as failed_arms,
)
from .failures import (
    keys_after_failures as keys_after_failures,
)
from .failures import (
    keys_with_failures as keys_with_failures,
)
from .failures import (
    without_failed as without_failed,
)
from .fetching import (
    available_roots as available_roots,
)
from .fetching import (
    fetch_missing as fetch_missing,
)
from .fingerprints import (
    step_keys as step_keys,
)
from .label_fraction import (
    LabelledSubset as LabelledSubset,
)
from .label_fraction import (
    as_rows as as_rows,
)
from .label_fraction import (
    describe_subsets as describe_subsets,
)
from .label_fraction import (
    labelled_subsets as labelled_subsets,
)
from .leakage import (
    contamination_of as contamination_of,
)
from .leakage import (
    doubts_of as doubts_of,
)
from .leakage import (
    pixels_once as pixels_once,
)
from .leakage import (
    refuse_contaminated as refuse_contaminated,
)
from .leakage import (
    refuse_trained_copies as refuse_trained_copies,
)
from .leakage import (
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
)
from .predictions import (
    write_predictions as write_predictions,
)
from .record import (
    clear_for as clear_for,
)
from .record import (
    forget_progress as forget_progress,
)
from .record import (
    forget_without_page as forget_without_page,
)
from .record import (
    is_done as is_done,
)
from .record import (
    part_directory as part_directory,
)
from .record import (
    read_progress as read_progress,
)
from .record import (
    read_record as read_record,
)
from .record import (
    record_failure as record_failure,
)
from .record import (
    recorded_progress as recorded_progress,
)
from .record import (
    run_once as run_once,
)
from .starts import (
    differences_of_start as differences_of_start,
)
from .starts import (
    start_of as start_of,
)
from .step_types import (
    Step as Step,
)
from .steps import (
    BASELINES as BASELINES,
)
from .steps import (
    EVALUATION as EVALUATION,
)
from .steps import (
    EXPLANATION as EXPLANATION,
)
from .steps import (
    REPORT as REPORT,
)
from .steps import (
    count_images as count_images,
)
from .steps import (
    estimate_image_counts as estimate_image_counts,
)
from .steps import (
    external_directory as external_directory,
)
from .steps import (
    finetuning_directory as finetuning_directory,
)
from .steps import (
    pretraining_directories as pretraining_directories,
)
from .steps import (
    pretraining_directory as pretraining_directory,
)
from .steps import (
    shares_its_start as shares_its_start,
)
from .steps import (
    steps_of as steps_of,
)
from .steps import (
    view_directory as view_directory,
)
from .steps import (
    view_name as view_name,
)

from .diagnosis import (
    Learning as Learning,
)
from .diagnosis import (
    LearningSign as LearningSign,
)
from .diagnosis import (
    diagnose as diagnose,
)
from .diagnosis import (
    read_learning as read_learning,
)
from .diagnosis import (
    write_learning as write_learning,
)
from .start_differences import (
    StartCode as StartCode,
)
from .start_differences import (
    StartDifference as StartDifference,
)

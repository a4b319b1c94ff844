from .cnn import (
    CNN as CNN,
)
from .cnn import (
    ResidualPooling as ResidualPooling,
)
from .cnn import (
    SmallCNN as SmallCNN,
)
from .densenet import (
    DENSENET as DENSENET,
)
from .densenet import (
    small_densenet as small_densenet,
)
from .paper import (
    OWN_CLASSIFIERS as OWN_CLASSIFIERS,
)
from .paper import (
    PAPER_FORMS as PAPER_FORMS,
)
from .paper import (
    paper_groups as paper_groups,
)
from .paper import (
    paper_network as paper_network,
)
from .resnet import (
    RESNET as RESNET,
)
from .resnet import (
    ResidualBlock as ResidualBlock,
)
from .resnet import (
    SmallResNet as SmallResNet,
)
from .unet_encoder import (
    UNET_ENCODER as UNET_ENCODER,
)
from .unet_encoder import (
    UnetEncoder as UnetEncoder,
)
from .unet_encoder import (
    cells as cells,
)
from .xvt import (
    XVT as XVT,
)
from .xvt import (
    Attention as Attention,
)
from .xvt import (
    XvT as XvT,
)

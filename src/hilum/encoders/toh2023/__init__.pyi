from .cnn import (
    CNN as CNN,
    ResidualPooling as ResidualPooling,
    SmallCNN as SmallCNN,
)
from .densenet import (
    DENSENET as DENSENET,
    small_densenet as small_densenet,
)
from .paper import (
    OWN_CLASSIFIERS as OWN_CLASSIFIERS,
    PAPER_FORMS as PAPER_FORMS,
    paper_groups as paper_groups,
    paper_network as paper_network,
)
from .resnet import (
    RESNET as RESNET,
    ResidualBlock as ResidualBlock,
    SmallResNet as SmallResNet,
)
from .unet_encoder import (
    UNET_ENCODER as UNET_ENCODER,
    UnetEncoder as UnetEncoder,
    cells as cells,
)
from .xvt import (
    XVT as XVT,
    Attention as Attention,
    XvT as XvT,
)

from .augmentations import (
    views_of as views_of,
)
from .augmentations import (
    write_view_sheet as write_view_sheet,
)
from .contact_sheet import (
    BINS as BINS,
)
from .contact_sheet import (
    Panel as Panel,
)
from .contact_sheet import (
    SheetRow as SheetRow,
)
from .contact_sheet import (
    Strip as Strip,
)
from .contact_sheet import (
    choose as choose,
)
from .contact_sheet import (
    outline as outline,
)
from .contact_sheet import (
    read_rows as read_rows,
)
from .contact_sheet import (
    values as values,
)
from .contact_sheet import (
    write_image as write_image,
)
from .contact_sheet import (
    write_page as write_page,
)
from .doctor import (
    write_doctor_page as write_doctor_page,
)
from .doctor_tables import (
    tables as tables,
)
from .explain import (
    SHEET as SHEET,
)
from .explain import (
    explain_page as explain_page,
)
from .explain import (
    gallery as gallery,
)
from .explain import (
    gallery_sheet as gallery_sheet,
)
from .label_issues import (
    Image as Image,
)
from .label_issues import (
    write_label_issues_page as write_label_issues_page,
)

from .augmentations import (
    views_of as views_of,
    write_view_sheet as write_view_sheet,
)
from .contact_sheet import (
    BINS as BINS,
    Panel as Panel,
    SheetRow as SheetRow,
    Strip as Strip,
    choose as choose,
    outline as outline,
    read_rows as read_rows,
    values as values,
    write_image as write_image,
    write_page as write_page,
)
from .doctor import write_doctor_page as write_doctor_page
from .doctor_tables import tables as tables
from .explain import (
    SHEET as SHEET,
    explain_page as explain_page,
    gallery as gallery,
    gallery_sheet as gallery_sheet,
)
from .label_issues import (
    Image as Image,
    write_label_issues_page as write_label_issues_page,
)
from .page_images import (
    PageImages as PageImages,
)

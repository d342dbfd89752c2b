from datetime import datetime

from django import template
from django.utils.translation import gettext, ngettext

register = template.Library()


@register.simple_tag
def lasting(begin: datetime | None, end: datetime | None) -> str:
    """How long it was: “8 seconds”, “2 min 5 s”; empty where one of both never came."""
    if begin is None or end is None or end < begin:
        return ""
    seconds = round((end - begin).total_seconds())
    if seconds < 60:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    minutes, seconds = divmod(seconds, 60)
    return gettext("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": seconds}

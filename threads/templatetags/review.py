from datetime import datetime

from django import template
from django.db.models import Choices
from django.utils.translation import gettext, ngettext

from threads.forms import FindingForm
from threads.models import Case, Message, Severity
from threads.reports import Share

register = template.Library()


@register.simple_tag
def finding_form(case: Case, answer: Message) -> FindingForm:
    """An empty one, to make a finding on an answer."""
    return FindingForm.on(case.mandate, answer.position)


@register.simple_tag
def severities() -> type[Choices]:
    return Severity


@register.inclusion_tag("review/_share.html")
def share(share: Share) -> dict[str, Share]:
    return {"share": share}


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

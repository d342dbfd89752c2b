from django import template
from django.db.models import Choices

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

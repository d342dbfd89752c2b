from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString

from threads import failures
from threads.answering.waking import wait_token
from threads.models import Message
from threads.rendering import render_text

register = template.Library()


@register.filter
def rendered(text: str) -> SafeString:
    return render_text(text)


@register.filter
def failure_reason(error_code: str) -> Promise:
    return failures.reason(error_code)


@register.simple_tag
def wait_url(answer: Message) -> str:
    """Where to ask for `answer` as soon as it has changed: held open, if it is next in its conversation."""
    parameter = "shown" if answer.waits_behind else "wait"
    query = urlencode({parameter: wait_token(answer)})
    return f"{reverse('threads:message', args=[answer.pk])}?{query}"

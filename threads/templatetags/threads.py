import math
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from threads import failures, listing, undo
from threads.answering import line
from threads.answering.waking import Shown, wait_token
from threads.models import Message, Source, Thread
from threads.rendering import Reference, RenderedAnswer, render_passage, render_text
from threads.rendering import render_answer as rendered_answer
from threads.search import Passage

register = template.Library()


@register.filter
def rendered(text: str) -> SafeString:
    return render_text(text)


@register.simple_tag
def render_answer(message: Message) -> RenderedAnswer:
    return rendered_answer(message)


@register.filter
def to_source(references: Mapping[UUID, tuple[Reference, ...]], source: Source) -> tuple[Reference, ...]:
    """Those of an answer's references that are to `source`; none, where a page has not rendered the answer."""
    return references.get(source.pk, ()) if references else ()


@register.filter
def undo_of(tag: str) -> dict[str, str] | None:
    """What a message offers to take back: where to post, and what."""
    way_back = undo.undo_of(tag)
    if way_back is None:
        return None
    thread_id, shelf = way_back
    return {"url": reverse("threads:shelf", args=[thread_id]), "to": shelf}


@register.filter
def shows(page: listing.Page, thread: Thread) -> bool:
    return page.shows(thread)


@register.filter
def marked(passage: Passage) -> SafeString:
    return render_passage((piece.text, piece.is_marked) for piece in passage)


@register.filter
def failure_reason(error_code: str) -> Promise:
    return failures.reason(error_code)


@register.filter
def is_of_the_wording(error_code: str) -> bool:
    return failures.is_of_the_wording(error_code)


@register.simple_tag
def standing_of(answer: Message) -> line.Standing | None:
    return line.standing_of(answer)


@register.filter
def about(seconds: float) -> str:
    """An estimate, no more exact than it is: “in about 2 minutes”."""
    if seconds < 5:
        return gettext("at any moment")
    if seconds < 55:
        return gettext("in about %(count)s seconds") % {"count": math.ceil(seconds / 10) * 10}
    minutes = round(seconds / 60) or 1
    return ngettext("in about %(count)s minute", "in about %(count)s minutes", minutes) % {"count": minutes}


@register.simple_tag
def new_token() -> uuid.UUID:
    """A client token, for a form that asks: sent twice, asked once."""
    return uuid.uuid4()


@register.simple_tag
def wait_url(answer: Message, standing: line.Standing | None) -> str:
    """Where to ask for `answer` as soon as it has changed: held open, if it is next in its conversation."""
    parameter = "shown" if answer.waits_behind else "wait"
    shown = Shown(answer.pk, answer.state, standing.place if standing else 0)
    query = urlencode({parameter: wait_token(shown)})
    return f"{reverse('threads:message', args=[answer.pk])}?{query}"

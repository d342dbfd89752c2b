"""The log. Reading it is an event, too, of the same transaction."""

from collections.abc import Iterator

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from threads.forms import LogForm
from threads.log import Reading
from threads.models import Event
from threads.views.access import for_whom, traced
from threads.views.request import Request


@require_safe
@for_whom("view_event")
@traced
def log(request: Request) -> HttpResponse:
    """Newest first. With filters that can't be understood nothing is shown, and so nothing recorded."""
    form = LogForm(request.user, request.GET)
    context = {"form": form, "head": Event.objects.head()}
    if "before" in form.errors:
        raise Http404
    if not form.is_valid():
        return render(request, "review/log.html", context, status=422)
    reading = Reading(request.user, form.filters)
    before = form.cleaned_data["before"]
    page = reading.page(before)
    response = render(request, "review/log.html", context | {"page": page, "before": before})
    reading.record("page", shown=len(page.entries), **({"before": before} if before else {}))
    return response


@require_safe
@for_whom("view_event")
def log_head(request: Request) -> HttpResponse:
    """To be printed and kept elsewhere. It says nothing of anybody, and so is no event."""
    number, _, hash_ = Event.objects.head().partition(":")
    context = {"number": number, "hash": hash_, "made_at": timezone.now()}
    return render(request, "review/log_head.html", context)


@require_safe
@for_whom("view_event")
@traced
def log_jsonl(request: Request) -> StreamingHttpResponse:
    reading, head = _export(request, "jsonl")
    return _file(reading.json_lines(head), head, "application/jsonl", "jsonl")


@require_safe
@for_whom("view_event")
@traced
def log_csv(request: Request) -> StreamingHttpResponse:
    reading, head = _export(request, "csv")
    return _file(reading.csv(head), head, "text/csv", "csv")


def _export(request: Request, view: str) -> tuple[Reading, Event]:
    """The event of exporting, which is the last one in the file: it is recorded before anything is sent."""
    form = LogForm(request.user, request.GET)
    if not form.is_valid():
        raise Http404
    reading = Reading(request.user, form.filters)
    return reading, reading.record(view, count=reading.events().count())


def _file(lines: Iterator[str], head: Event, content_type: str, ending: str) -> StreamingHttpResponse:
    disposition = f'attachment; filename="log-{head.number}.{ending}"'
    return StreamingHttpResponse(
        lines, content_type=f"{content_type}; charset=utf-8", headers={"Content-Disposition": disposition}
    )

"""Exports that take a while: how far one is, and its file."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST, require_safe

from threads import building
from threads.forms import ShownExportForm
from threads.models import Export, ExportKind, ExportState
from threads.views.access import traced
from threads.views.request import Request

# The server keeps up to a thousand pieces for a slow reader: with these, 16 MB, and not 256.
PIECE_BYTES = 16 * 1024


@require_safe
def export(request: Request, export_id: UUID) -> HttpResponse:
    """How far it is; the page asks again by itself until there is a file."""
    export = _export(request, export_id)
    form = ShownExportForm(request.GET)
    shown = form.cleaned_data["shown"] if form.is_valid() else ""
    context = {"export": export, "says_state": shown != export.state}
    template = "threads/_export_polled.html" if request.htmx else "threads/export.html"
    return render(request, template, context)


@require_POST
def export_attempts(request: Request, export_id: UUID) -> HttpResponse:
    """Try again what failed."""
    export = _export(request, export_id)
    export.try_again()
    return redirect("threads:export", export.pk)


@require_GET
@traced
def export_file(request: Request, export_id: UUID) -> StreamingHttpResponse:
    """A download is an event (`Export.take`); what is sent then is looked up part by part, without a transaction."""
    export = get_object_or_404(
        Export.objects.visible_to(request.user).filter(state=ExportState.READY), pk=export_id
    )
    builder = building.BUILDERS[ExportKind(export.kind)]
    headers = {
        "Content-Disposition": content_disposition_header(True, building.file_name(export)) or "attachment",
        "Content-Length": str(export.take(request.user)),
    }
    return StreamingHttpResponse(
        _in_pieces(export.content()), content_type=builder.content_type, headers=headers
    )


def _in_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]


def _export(request: Request, export_id: UUID) -> Export:
    visible = Export.objects.visible_to(request.user).select_related("mandate")
    return get_object_or_404(visible, pk=export_id)

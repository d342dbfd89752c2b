"""The report on a mandate: on paper, or as a file that workers build."""

from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from threads.exports import DIGITAL_SOURCE_TYPE, terms_of_use
from threads.forms import ReportExportForm, ReportForm
from threads.models import Export, ExportKind, Mandate
from threads.reports import Report
from threads.views.access import for_whom, traced
from threads.views.request import Request


@require_safe
@for_whom("review_threads", "release_mandate")
@traced
def report(request: Request, mandate_id: UUID) -> HttpResponse:
    """With the questions and answers that findings are about as long as those may be read; that is an event each."""
    mandate = _mandate(request, mandate_id)
    form = ReportForm(request.GET)
    wants_none = form.is_valid() and form.cleaned_data["texts"] == "no"
    is_granted = Mandate.objects.granting(request.user).filter(pk=mandate.pk).exists()
    report = Report(mandate, request.user, is_granted=is_granted, has_texts=is_granted and not wants_none)
    context = {
        "report": report,
        "mandate": mandate,
        "terms_of_use": terms_of_use(),
        "digital_source_type": DIGITAL_SOURCE_TYPE,
    }
    response = render(request, "review/report.html", context)
    report.record()
    return response


@require_POST
@for_whom("review_threads", "release_mandate")
@transaction.atomic
def exports(request: Request, mandate_id: UUID) -> HttpResponse:
    """Ask for the report as a file; with conversations in it only as long as those may be read."""
    mandate = _mandate(request, mandate_id)
    form = ReportExportForm(request.POST)
    if not form.is_valid():
        raise Http404
    kind = ExportKind(form.cleaned_data["kind"])
    if kind == ExportKind.REPORT_JSONL:
        get_object_or_404(Mandate.objects.granting(request.user), pk=mandate.pk)
    export = Export.objects.request(kind, request.user, get_language() or "de", mandate)
    return redirect("threads:export", export.pk)


def _mandate(request: Request, mandate_id: UUID) -> Mandate:
    reporting = Mandate.objects.reporting_to(request.user).select_related("proposed_by", "released_by")
    return get_object_or_404(reporting, pk=mandate_id)

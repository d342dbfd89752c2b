"""Findings: made where an answer is read, and what becomes of them.

They hold no conversation, so it is no event to see one; what is done with one is.
"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from threads import reports, reviewing
from threads.forms import FindingForm, FindingsForm, FindingStateForm, OpinionForm, PositionForm
from threads.models import Case, Finding, Mandate, Message, NotAllowed
from threads.views.access import for_whom
from threads.views.request import Request

PAGE_SIZE = 50


@require_POST
@for_whom("review_threads")
def findings_of_case(request: Request, mandate_id: UUID, number: int) -> HttpResponse:
    """Make a finding on an answer of a conversation."""
    readable = Case.objects.readable_by(request.user).select_related("mandate", "thread__owner")
    case = get_object_or_404(readable, mandate=mandate_id, number=number)
    answer = _answer(case, request)
    form = FindingForm.on(case.mandate, answer.position, request.POST)
    if not form.is_valid():
        place = answer_url(mandate_id, number, answer.position)
        context = {"case": case, "message": answer, "form": form, "answer_url": place}
        template = "review/_finding_form.html" if request.htmx else "review/finding_made.html"
        return render(request, template, context, status=422)
    finding = form.put_into(
        Finding(
            mandate=case.mandate,
            case=case,
            message=answer,
            case_number=case.number,
            position=answer.position,
            author=request.user,
        )
    )
    try:
        finding.make()
    except NotAllowed:
        raise Http404 from None
    if not request.htmx:
        messages.success(request, _("The finding is stored."))
        return redirect(answer_url(mandate_id, number, answer.position))
    answer.case_findings = list(Finding.objects.filter(case=case, message=answer).with_people().in_order())
    context = {"case": case, "message": answer, "said": _("The finding is stored.")}
    return render(request, "review/_findings.html", context)


def answer_url(mandate_id: UUID, number: int, position: int) -> str:
    """Where an answer is read; a long conversation is not on one page."""
    behind = reviewing.page_with(position)
    page = reverse("threads:case", args=[mandate_id, number])
    return f"{page}{f'?behind={behind}' if behind else ''}#findings-{position}"


def _answer(case: Case, request: Request) -> Message:
    form = PositionForm(request.POST)
    if not form.is_valid():
        raise Http404
    answers = case.messages().answers().filter(finished_at__isnull=False)
    return get_object_or_404(answers, position=form.cleaned_data["position"])


@require_safe
@for_whom("review_threads", "release_mandate")
def findings(request: Request, mandate_id: UUID) -> HttpResponse:
    """What was found under a mandate: figures, and the findings, page by page."""
    mandate = get_object_or_404(Mandate.objects.reporting_to(request.user), pk=mandate_id)
    form = FindingsForm(mandate, request.GET)
    form.is_valid()  # what is not understood filters nothing
    of_mandate = Finding.objects.filter(mandate=mandate)
    listed = of_mandate.filter(form.chosen).with_people().in_order()
    if after := form.cleaned_data.get("after"):
        listed = listed.after(get_object_or_404(of_mandate, pk=after))
    page = list(listed[: PAGE_SIZE + 1])
    context = {
        "mandate": mandate,
        "figures": reports.figures_of(mandate),
        "form": form,
        "findings": page[:PAGE_SIZE],
        "last": page[PAGE_SIZE - 1] if len(page) > PAGE_SIZE else None,
        "is_over": not Mandate.objects.granting(request.user).filter(pk=mandate_id).exists(),
    }
    return render(request, "review/findings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_whom("review_threads", "release_mandate")
def finding(request: Request, finding_id: UUID) -> HttpResponse:
    """A finding; to change it, as long as it is open and its mandate grants that."""
    finding = _finding(request, finding_id)
    if request.method != "POST":
        return _shown(request, finding)
    form = FindingForm(finding.mandate, request.POST)
    if not form.is_valid():
        return _shown(request, finding, form=form)
    try:
        form.put_into(finding).change(request.user)
    except NotAllowed:
        return _refused(request, finding_id)
    messages.success(request, _("The finding is changed."))
    return redirect("threads:finding", finding.pk)


@require_POST
@for_whom("review_threads")
def second_opinion(request: Request, finding_id: UUID) -> HttpResponse:
    """By another auditor than who made it; she can change it as long as the finding is open."""
    finding = _finding(request, finding_id)
    form = OpinionForm(request.POST, auto_id="second-%s")
    if not form.is_valid():
        return _shown(request, finding, second_form=form)
    try:
        finding.second(request.user, form.cleaned_data["verdict"], form.cleaned_data["note"])
    except NotAllowed:
        return _refused(request, finding_id)
    messages.success(request, _("Your second opinion is stored."))
    return redirect("threads:finding", finding.pk)


@require_POST
@for_whom("review_threads", "release_mandate")
def finding_state(request: Request, finding_id: UUID) -> HttpResponse:
    """Close, or open again."""
    finding = _finding(request, finding_id)
    form = FindingStateForm(request.POST)
    if not form.is_valid():
        raise Http404
    is_closing = form.cleaned_data["to"] == "closed"
    try:
        finding.close(request.user) if is_closing else finding.reopen(request.user)
    except NotAllowed:
        return _refused(request, finding_id)
    messages.success(request, _("The finding is closed.") if is_closing else _("The finding is open again."))
    return redirect("threads:finding", finding.pk)


def _finding(request: Request, finding_id: UUID) -> Finding:
    visible = Finding.objects.visible_to(request.user).with_people()
    return get_object_or_404(visible.select_related("mandate", "case__thread"), pk=finding_id)


def _refused(request: Request, finding_id: UUID) -> HttpResponse:
    """Another was quicker, or it is not hers to do: the page shows how it is now, and what was typed. Or it is gone."""
    finding = _finding(request, finding_id)
    form = FindingForm(finding.mandate, request.POST) if "severity" in request.POST else None
    second = (
        OpinionForm(request.POST, auto_id="second-%s") if "verdict" in request.POST and not form else None
    )
    return _shown(request, finding, form=form, second_form=second, is_refused=True)


def _shown(
    request: Request,
    finding: Finding,
    *,
    form: FindingForm | None = None,
    second_form: OpinionForm | None = None,
    is_refused: bool = False,
) -> HttpResponse:
    user, given = request.user, {"verdict": finding.second_verdict, "note": finding.second_note}
    is_granted = Mandate.objects.granting(user).filter(pk=finding.mandate_id).exists()
    context = {
        "finding": finding,
        "mandate": finding.mandate,
        "can_change": finding.can_be_changed_by(user),
        "can_second": finding.can_be_seconded_by(user),
        "can_close": finding.is_open and finding.can_be_closed_by(user),
        "can_reopen": not finding.is_open and finding.can_be_reopened_by(user),
        "is_over": not is_granted,
        "answer_url": answer_url(finding.mandate_id, finding.case_number, finding.position),
        "form": form or FindingForm.of(finding),
        "is_changing": form is not None,
        "second_form": second_form or OpinionForm(initial=given, auto_id="second-%s"),
        "is_refused": is_refused,
    }
    has_errors = form is not None or second_form is not None or is_refused
    return render(request, "review/finding.html", context, status=422 if has_errors else 200)

"""Conversations under a mandate: the list of them, the search in them, and reading one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from threads import reviewing, search, windows
from threads.forms import CaseForm, CasesForm, FlagForm, RevealForm
from threads.models import Case, Happening, Kind, Mandate, NotAllowed, Reveal
from threads.models.case import CaseQuerySet
from threads.views.access import for_whom, traced
from threads.views.request import Request


@require_safe
@for_whom("review_threads")
@traced
def cases(request: Request, mandate_id: UUID) -> HttpResponse:
    """The list, which shows nothing of what was written; with something to look for, passages that have it."""
    mandate = get_object_or_404(Mandate.objects.granting(request.user), pk=mandate_id)
    form = CasesForm(mandate, request.GET)
    if form.is_lost:
        raise Http404
    if not form.is_valid():
        return _list(request, form, status=422)
    found = reviewing.cases_of(mandate, request.user, form.filters)
    if form.terms:
        return _search(request, form, found)
    return _list(
        request,
        form,
        page=reviewing.page_of(found, form.cleaned_data["after"], form.cleaned_data["before"]),
        next_open=reviewing.next_open(found),
    )


def _list(request: Request, form: CasesForm, status: int = 200, **shown: object) -> HttpResponse:
    progress = Case.objects.progress([form.mandate])[form.mandate.pk]
    context = {"mandate": form.mandate, "form": form, "progress": progress} | shown
    return render(request, "review/cases.html", context, status=status)


# --- searching ---


@dataclass(frozen=True)
class CaseHit:
    """`behind`: after which message the page of its conversation begins that shows it."""

    hit: search.Hit
    case: Case
    person: str
    behind: int


def _search(request: Request, form: CasesForm, found: CaseQuerySet) -> HttpResponse:
    """Each is an event, and each conversation of which a passage is shown is another one."""
    period, after = form.filters.period_of(form.mandate), form.after_hit
    try:
        page = search.find_under_mandate(request.user, found, form.terms, period, after)
    except search.GaveUp:
        form.add_error(
            "q",
            gettext(
                "The search took too long. Please search for something more precise, or in fewer conversations: "
                "by assistant, period, or one of the other filters."
            ),
        )
        response = _list(request, form, status=503)
        form.mandate.trace(request.user, [_searched(request, form, [], gave_up=True)])
        return response
    except search.AlreadySearching:
        form.add_error("q", gettext("Your last search is still running. Please try again in a moment."))
        return _list(request, form, status=429)
    hits = _case_hits(page, found)
    response = _list(request, form, hits=hits, has_more=page.has_more)
    shown = {hit.case.pk: hit.case for hit in hits}.values()
    happenings = [_searched(request, form, hits), *(_passage_shown(request, case, hits) for case in shown)]
    form.mandate.trace(request.user, happenings)
    return response


def _case_hits(page: search.Page, found: CaseQuerySet) -> list[CaseHit]:
    threads = {hit.message.thread_id for hit in page.hits}
    cases = found.filter(thread__in=threads).select_related("mandate", "thread__owner", "alias")
    by_thread = {case.thread_id: case for case in cases}
    return [
        CaseHit(hit, case, reviewing.person_of(case), reviewing.page_with(hit.message.position))
        for hit in page.hits
        if (case := by_thread.get(hit.message.thread_id))
    ]


def _searched(request: Request, form: CasesForm, hits: Sequence[CaseHit], gave_up: bool = False) -> Happening:
    """Not what for: words can be names."""
    details: dict[str, object] = {
        "terms": len(form.terms),
        "filters": form.filters.names,
        "hits": len(hits),
        "conversations": len({hit.case.pk for hit in hits}),
    }
    if gave_up:
        details["gave_up"] = True
    return Happening(Kind.SEARCHED, request.user, mandate_id=form.mandate.pk, details=details)


def _passage_shown(request: Request, case: Case, hits: Sequence[CaseHit]) -> Happening:
    positions = [hit.hit.message.position for hit in hits if hit.case.pk == case.pk]
    return case.happening(Kind.PASSAGE_SHOWN, request.user, positions=positions)


# --- reading ---


@require_safe
@for_whom("review_threads")
@traced
def case(request: Request, mandate_id: UUID, number: int) -> HttpResponse:
    """As its owner saw it, with all that hangs on it; that she sees it is an event."""
    case = _case(request, mandate_id, number)
    form = CaseForm(case.mandate, request.GET)
    if not form.is_valid():
        raise Http404
    reading = reviewing.read(case, form.cleaned_data["behind"] or 0)
    if not reading.messages and form.cleaned_data["behind"]:
        raise Http404
    current = [message for message in reading.messages if message.superseded_at is None]
    windows.count_questions(case.thread.messages.current(), current)
    case.mark_read(request.user)
    found = reviewing.cases_of(case.mandate, request.user, form.filters)
    identity = reviewing.identity_of(case)
    context = {
        "mandate": case.mandate,
        "case": case,
        "form": form,
        "reading": reading,
        "identity": identity,
        "reveal_form": RevealForm(),
        "neighbours": reviewing.neighbours_of(case, found),
        "progress": Case.objects.progress([case.mandate])[case.mandate.pk],
    }
    response = render(request, "review/case.html", context)
    read = case.happening(
        Kind.THREAD_READ, request.user, positions=reading.positions, named=identity.is_named
    )
    case.mandate.trace(request.user, [read])
    return response


def _case(request: Request, mandate_id: UUID, number: int) -> Case:
    cases = Case.objects.readable_by(request.user).select_related(
        "mandate", "thread__assistant", "thread__owner", "alias"
    )
    return get_object_or_404(cases, mandate=mandate_id, number=number)


@require_POST
@for_whom("review_threads")
def flag(request: Request, mandate_id: UUID, number: int) -> HttpResponse:
    """To be looked at again, or no longer."""
    case = _case(request, mandate_id, number)
    form, filters = FlagForm(request.POST), CaseForm(case.mandate, request.GET)
    if not (form.is_valid() and filters.is_valid()):
        raise Http404
    case.flag(form.cleaned_data["is_flagged"])
    if request.htmx:
        return render(request, "review/_flag.html", {"case": case, "form": filters})
    return redirect(_place_of(case, filters))


@require_POST
@for_whom("review_threads")
def reveal(request: Request, mandate_id: UUID, number: int) -> HttpResponse:
    """Ask for the name behind the pseudonym: a second person decides."""
    case = _case(request, mandate_id, number)
    form, filters = RevealForm(request.POST), CaseForm(case.mandate, request.GET)
    if case.mandate.shows_names or not filters.is_valid():
        raise Http404
    if not form.is_valid():
        context = {"mandate": case.mandate, "case": case, "form": filters, "reveal_form": form}
        template = "review/_reveal_form.html" if request.htmx else "review/reveal.html"
        return render(request, template, context, status=422)
    try:
        Reveal(case=case, requested_by=request.user, reason=form.cleaned_data["reason"]).request()
    except NotAllowed:
        raise Http404 from None
    if request.htmx:
        context = {"case": case, "form": filters, "identity": reviewing.identity_of(case)}
        return render(request, "review/_case_reveal.html", context)
    messages.success(request, gettext("The name was asked for. A second person decides about it."))
    return redirect(_place_of(case, filters))


def _place_of(case: Case, filters: CaseForm) -> str:
    return reverse("threads:case", args=[case.mandate_id, case.number]) + filters.kept

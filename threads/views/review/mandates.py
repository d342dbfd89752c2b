"""Mandates: what lets auditors read. They are proposed by one person, and released by another."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from threads.forms import DecisionForm, LikeForm, MandateForm, PageForm
from threads.models import Case, Mandate, NotAllowed, Reveal, Status, User
from threads.models.scope import MOST_ESTIMATED
from threads.models.user import REVIEW_RIGHTS
from threads.views.access import for_whom
from threads.views.request import Request

PER_PAGE = 20
AT_ONCE = 50  # to be decided, or read under: more than anybody has before her

RELEASE, REFUSAL, REVOCATION = "release", "refusal", "revocation"


@require_safe
@for_whom(*REVIEW_RIGHTS)
def review(request: Request) -> HttpResponse:
    """The mandates that concern the user: to be decided by her, those she reads under, and page by page all others."""
    user = request.user
    visible = Mandate.objects.visible_to(user)
    form = PageForm(request.GET)
    before = None
    if form.is_valid() and form.cleaned_data["before"]:
        before = get_object_or_404(visible, pk=form.cleaned_data["before"])
    proposed, granting = Mandate.objects.to_be_decided_by(user), Mandate.objects.granting(user)
    others = visible.exclude(pk__in=proposed.values("pk")).exclude(pk__in=granting.values("pk"))
    page = list((others.before(before) if before else others).newest_first()[: PER_PAGE + 1])
    context = {
        "others": page[:PER_PAGE],
        "last": page[PER_PAGE - 1] if len(page) > PER_PAGE else None,
        "before": before,
        "proposes": user.has_perm("threads.propose_mandate"),
        "decides": user.has_perm("threads.release_mandate"),
        "reads": user.has_perm("threads.review_threads"),
    }
    return render(request, "review/review.html", context | ({} if before else _before_her(user)))


def _before_her(user: User) -> dict[str, object]:
    """What she decides, oldest first, and what she reads under."""
    proposed = Mandate.objects.to_be_decided_by(user).select_related("proposed_by")
    reveals = Reveal.objects.to_be_decided_by(user).select_related("case__mandate", "requested_by")
    read_under = list(Mandate.objects.granting(user).newest_first()[:AT_ONCE])
    progress = Case.objects.progress(read_under)
    return {
        "proposed": proposed.order_by("proposed_at")[:AT_ONCE],
        "reveals": reveals.order_by("requested_at")[:AT_ONCE],
        "read_under": [(mandate, progress[mandate.pk]) for mandate in read_under],
    }


@require_http_methods(["GET", "HEAD", "POST"])
@for_whom("propose_mandate")
def mandate_new(request: Request) -> HttpResponse:
    """Propose one; `like` another, whose terms are then in the form."""
    if request.method == "POST":
        form = MandateForm(request.user, request.POST)
        if not form.is_valid():
            return render(request, "review/mandate_new.html", {"form": form}, status=422)
        mandate = form.proposed()
        mandate.propose(form.cleaned_data["assistants"], form.cleaned_data["auditors"])
        messages.success(request, _("The mandate is proposed. Nobody reads under it before it is released."))
        return redirect("threads:mandate", mandate.pk)
    asked = LikeForm(request.GET)
    like = None
    if asked.is_valid() and asked.cleaned_data["like"]:
        like = get_object_or_404(Mandate.objects.visible_to(request.user), pk=asked.cleaned_data["like"])
    return render(request, "review/mandate_new.html", {"form": MandateForm(request.user, like=like)})


@require_safe
@for_whom(*REVIEW_RIGHTS)
def mandate(request: Request, mandate_id: UUID) -> HttpResponse:
    """Its terms, as a document: what it permits to whom, who decided that, and how far the reading is."""
    mandate = _visible(request.user, mandate_id)
    context = {
        "mandate": mandate,
        "progress": Case.objects.progress([mandate])[mandate.pk] if mandate.released_at else None,
        "deciders": mandate.deciders()[:AT_ONCE] if mandate.status == Status.PROPOSED else [],
        "four_eyes": settings.ENVIRONMENT.four_eyes,
        "can_decide": mandate.can_be_decided_by(request.user),
        "can_revoke": mandate.can_be_revoked_by(request.user),
        "can_read": Mandate.objects.granting(request.user).filter(pk=mandate.pk).exists(),
        "can_see_findings": Mandate.objects.reporting_to(request.user).filter(pk=mandate.pk).exists(),
        "proposes": request.user.has_perm("threads.propose_mandate"),
    }
    return render(request, "review/mandate.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_whom("release_mandate")
def release(request: Request, mandate_id: UUID) -> HttpResponse:
    mandate = _visible(request.user, mandate_id)
    if mandate.is_expired or not mandate.can_be_decided_by(request.user):
        return _not_allowed(request, mandate, RELEASE)
    if request.method != "POST":
        estimate = mandate.estimate()
        is_more = estimate > MOST_ESTIMATED
        return _confirmation(
            request, mandate, RELEASE, estimate=min(estimate, MOST_ESTIMATED), is_more=is_more
        )
    try:
        mandate.release(request.user)
    except NotAllowed:
        return _not_allowed(request, mandate, RELEASE)
    messages.success(request, _("The mandate is released."))
    return redirect("threads:mandate", mandate.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_whom("release_mandate")
def refusal(request: Request, mandate_id: UUID) -> HttpResponse:
    mandate = _visible(request.user, mandate_id)
    if not mandate.can_be_decided_by(request.user):
        return _not_allowed(request, mandate, REFUSAL)
    if request.method != "POST":
        return _confirmation(request, mandate, REFUSAL)
    try:
        mandate.refuse(request.user)
    except NotAllowed:
        return _not_allowed(request, mandate, REFUSAL)
    messages.success(request, _("The mandate is refused."))
    return redirect("threads:mandate", mandate.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_whom(*REVIEW_RIGHTS)
def revocation(request: Request, mandate_id: UUID) -> HttpResponse:
    mandate = _visible(request.user, mandate_id)
    if not mandate.can_be_revoked_by(request.user):
        return _not_allowed(request, mandate, REVOCATION)
    if request.method != "POST":
        return _confirmation(request, mandate, REVOCATION)
    was_released = mandate.released_at is not None
    try:
        mandate.revoke(request.user)
    except NotAllowed:
        return _not_allowed(request, mandate, REVOCATION)
    said = _("The mandate is revoked: nobody reads under it any more.")
    messages.success(request, said if was_released else _("The proposal is withdrawn."))
    return redirect("threads:mandate", mandate.pk)


@require_POST
@for_whom("release_mandate")
def reveal_decision(request: Request, reveal_id: UUID) -> HttpResponse:
    """Whether the auditors learn the name behind a pseudonym."""
    reveals = Reveal.objects.filter(case__mandate__in=Mandate.objects.visible_to(request.user))
    reveal = get_object_or_404(reveals.select_related("case__mandate", "case__thread"), pk=reveal_id)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return redirect("threads:review")
    try:
        reveal.decide(request.user, form.is_released)
    except NotAllowed:
        status, reason = _why_not_revealed(reveal, request.user)
        context = {"mandate": reveal.case.mandate, "reason": reason}
        return render(request, "review/not_allowed.html", context, status=status)
    number = {"number": reveal.case.number}
    if form.is_released:
        messages.success(
            request, _("The name of conversation %(number)s is revealed to the auditors.") % number
        )
    else:
        messages.success(request, _("The name of conversation %(number)s stays hidden.") % number)
    return redirect("threads:review")


def _visible(user: User, mandate_id: UUID) -> Mandate:
    mandates = Mandate.objects.visible_to(user)
    with_names = mandates.select_related("proposed_by", "released_by", "refused_by", "revoked_by")
    return get_object_or_404(with_names, pk=mandate_id)


def _confirmation(request: Request, mandate: Mandate, step: str, **more: object) -> HttpResponse:
    context = {"mandate": mandate, "step": step} | more
    return render(request, "review/mandate_decision.html", context)


def _not_allowed(request: Request, mandate: Mandate, step: str) -> HttpResponse:
    """403: it is not this user's to decide; 409: it is not, or no longer, to be decided."""
    mandate.refresh_from_db()
    status, reason = _why_not(mandate, request.user, step)
    context = {"mandate": mandate, "reason": reason}
    return render(request, "review/not_allowed.html", context, status=status)


def _why_not(mandate: Mandate, user: User, step: str) -> tuple[int, str]:
    state = {"status": mandate.status.label}
    if step == REVOCATION:
        if mandate.status in (Status.PROPOSED, Status.SCHEDULED, Status.IN_FORCE):
            return 403, _("Only who proposed this mandate, and who may release mandates, can revoke it.")
        return 409, _("There is nothing to revoke: the mandate is %(status)s.") % state
    if mandate.status != Status.PROPOSED:
        return 409, _("There is nothing to decide any more: the mandate is %(status)s.") % state
    if user.pk == mandate.proposed_by_id:
        return 403, _("You have proposed this mandate yourself: another person decides on it.")
    if mandate.auditors.filter(pk=user.pk).exists():
        return 403, _("You are to read under this mandate yourself: another person decides on it.")
    day = {"day": date_format(mandate.valid_until)}
    return 409, _(
        "Its validity ended on %(day)s: to release it would permit nothing. It can be refused."
    ) % day


def _why_not_revealed(reveal: Reveal, user: User) -> tuple[int, str]:
    reveal.refresh_from_db(fields=["released_at", "refused_at"])
    mandate = reveal.case.mandate
    if reveal.released_at or reveal.refused_at:
        return 409, _("Another person has decided on this meanwhile.")
    if mandate.status != Status.IN_FORCE:
        return 409, _("There is nothing to reveal any more: the mandate is %(status)s.") % {
            "status": mandate.status.label
        }
    return 403, _(
        "Who asks for a name, or reads under the mandate, does not decide on it: another person does."
    )

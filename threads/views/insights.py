"""How the site is used, in figures that tell nothing about a single person."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from threads.forms.insights import PERIODS, InsightsForm
from threads.insights import FEWEST, GaveUp, figures
from threads.insights_plots import Plots
from threads.views.access import for_whom
from threads.views.request import Request


@require_safe
@for_whom("view_insights")
def insights(request: Request) -> HttpResponse:
    form = InsightsForm(request.GET)
    context = {"form": form, "periods": PERIODS, "fewest": FEWEST}
    if "weeks" in form.errors:
        raise Http404
    if not form.is_valid():
        return render(request, "threads/insights.html", context, status=422)
    try:
        found = figures(form.period, form.cleaned_data["assistant"])
    except GaveUp:
        form.add_error("since", gettext("Counting took too long. Please choose a shorter period."))
        return render(request, "threads/insights.html", context, status=503)
    return render(request, "threads/insights.html", {**context, "figures": found, "plots": Plots(found)})

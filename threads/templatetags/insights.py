from django import template
from django.utils.formats import number_format

from threads import failures

register = template.Library()


@register.filter
def grouped(number: float) -> str:
    """As the language writes it: 12,345.6 or 12.345,6."""
    return number_format(int(number) if number == int(number) else number, force_grouping=True)


@register.filter
def failure_cause(error_code: str) -> str:
    return failures.what_happened(error_code)

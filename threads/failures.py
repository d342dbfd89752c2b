"""What a user is told when an answer failed (completions-api.md, Errors)."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_BUSY = _("The service is overloaded at the moment. Please try again in a few minutes.")
_DOWN = _("The service could not be reached, or did not answer properly. Please try again later.")
_SETUP = _("This assistant is not set up completely. Please tell your administrators.")
_TOO_LONG = _("The conversation has become too long. Please start a new one.")
_UNKNOWN = _("The service reported an error. Please try again later.")
_OURS = _("Something went wrong here. The fault is not yours, and your question is kept.")

_REASONS: dict[str, Promise] = {
    "assistant_not_available": _(
        "Your company may not use this assistant at present. Please tell your administrators."
    ),
    "permission_denied": _(
        "Your company may not use this assistant at present. Please tell your administrators."
    ),
    "resource_not_found": _SETUP,
    "assistant_not_found": _SETUP,
    "request_metadata_missing_or_incomplete": _SETUP,
    "unauthorized": _SETUP,
    "invalid_api_key": _SETUP,
    "unexpected_redirect": _SETUP,
    "content_filter_error": _(
        "The question was refused by the service's content filter. Please put it differently."
    ),
    "length_finish_reason_error": _TOO_LONG,
    "rate_limit_gateway": _BUSY,
    "rate_limit_error": _BUSY,
    "api_timeout_error": _("The service took too long to answer. Please try again."),
    "read_timeout": _("The service took too long to answer. Please try again."),
    "internal_service_error": _DOWN,
    "api_connection_error": _DOWN,
    "api_error": _DOWN,
    "internal_server_error": _DOWN,
    "connection_error": _DOWN,
    "connect_timeout": _DOWN,
    "write_timeout": _DOWN,
    "pool_timeout": _BUSY,
    "invalid_response": _DOWN,
    "http_error": _UNKNOWN,
    "validation_error": _OURS,
    "invalid_request": _OURS,
    "bad_request": _OURS,
    "conflict_error": _OURS,
    "unprocessable_entity": _OURS,
    "internal_error": _OURS,
}


_FOR_ADMINS: dict[str, Promise] = {
    "unauthorized": _("The API does not accept the key. Enter a valid one."),
    "invalid_api_key": _("The key contains characters that no key has. Enter it anew."),
    "permission_denied": _("The key has no right to this."),
    "assistant_not_available": _(
        "Your company may not use this assistant. Ask Haufe to enable it for the key."
    ),
    "request_metadata_missing_or_incomplete": _("The licence is missing, or not valid. Enter it."),
    "rate_limit_gateway": _("The key's limit is reached at the moment. Try again in a minute."),
    "rate_limit_error": _("The key's limit is reached at the moment. Try again in a minute."),
    "connection_error": _("There is no connection to this address. Check the base URL and your network."),
    "connect_timeout": _("There is no connection to this address. Check the base URL and your network."),
    "read_timeout": _("The service did not answer in time. Try again later."),
    "unexpected_redirect": _("The address leads elsewhere (redirect). Check the base URL."),
    "invalid_response": _("What answered is not the completions API. Check the base URL."),
}


KNOWN_CODES = frozenset(_REASONS)
UNKNOWN_CODE = "http_error"  # of which users are told what they are told of codes that are not known


# What another wording helps against; the same one would be refused again.
_OF_THE_WORDING = frozenset({"content_filter_error"})


def is_of_the_wording(error_code: str) -> bool:
    return error_code in _OF_THE_WORDING


def reason(error_code: str) -> Promise:
    """One or two sentences: what happened, what to do."""
    return _REASONS.get(error_code, _UNKNOWN)


def what_happened(error_code: str) -> str:
    """The first of those sentences."""
    return str(reason(error_code)).partition(". ")[0].rstrip(".") + "."


def first_alike() -> dict[str, str]:
    """Of each code the first of which users are told the same: one cause, to them. What is unknown is not in it."""
    first: dict[str, str] = {}
    return {code: first.setdefault(str(reason), code) for code, reason in _REASONS.items()}


def for_admins(error_code: str) -> Promise:
    """What is wrong with a connection, and what to do."""
    return _FOR_ADMINS.get(error_code, _("The API reported an error."))

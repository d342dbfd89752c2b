"""Who may have an account: nobody makes one for oneself; admins do, in the admin."""

from typing import Any, ClassVar

from allauth.account import auth_backends
from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from threads.models import User, with_rights, with_what_is_owed


class AuthenticationBackend(auth_backends.AuthenticationBackend):
    """Loads who is signed in, and with it, in the same query, what each page has to know of her."""

    def get_user(self, user_id: int) -> User | None:
        user = with_rights(with_what_is_owed(User.objects.all())).filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):
    # In our own words: django-allauth's German is on first-name terms.
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account has been deactivated. Please ask your administrators."),
        "email_password_mismatch": _("E-mail address or password is wrong."),
        "enter_current_password": _("This is not your present password."),
        "incorrect_password": _("This is not your present password."),
        "same_as_current": _("The new password is the same as the old one."),
        "too_many_login_attempts": _("Too many failed attempts. Please try again in a few minutes."),
        "rate_limited": _("Too many attempts. Please try again in a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

"""One's own data: who read it, and erasing it."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.utils.translation import gettext_lazy as _

from threads.models import User


class AccessForm(forms.Form):
    """Where a page begins: after the event `before`."""

    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class ErasureForm(forms.Form):
    """That it is really oneself, and meant: by the password, or where there is none by the e-mail address."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    email = forms.CharField(
        label=_("Your e-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    is_meant = forms.BooleanField(
        label=_("I know that what is erased can't be brought back."),
        error_messages={"required": _("Please tick this box if you want to go on.")},
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.has_password = user.has_usable_password()
        del self.fields["email" if self.has_password else "password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise get_adapter().validation_error("incorrect_password")
        return password

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email.strip().lower() != self.user.email.lower():
            raise forms.ValidationError(_("This is not the e-mail address of your account."))
        return email

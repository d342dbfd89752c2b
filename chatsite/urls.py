from allauth.account import views as account_views
from django.contrib import admin
from django.urls import include, path

# Only what the product offers of django-allauth; more of it is for later, when there is a page for it.
accounts = [
    path("login/", account_views.login, name="account_login"),
    path("logout/", account_views.logout, name="account_logout"),
    path("password/change/", account_views.password_change, name="account_change_password"),
    # Names that django-allauth refers to. Nobody signs up: that page says so.
    path("signup/", account_views.signup, name="account_signup"),
    path("inactive/", account_views.account_inactive, name="account_inactive"),
]

handler500 = "chatsite.errors.handler500"

urlpatterns = [
    path("", include("threads.urls")),
    path("accounts/", include(accounts)),
    path("admin/", admin.site.urls),
]

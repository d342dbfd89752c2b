"""Settings. What differs between sites comes from `environment`; the rest stands here."""

from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from chatsite.environment import PROJECT_DIR, SettingsError, read_environment

try:
    ENVIRONMENT = read_environment()
except SettingsError as error:
    raise ImproperlyConfigured(str(error)) from None

BASE_DIR = PROJECT_DIR
DEBUG = ENVIRONMENT.debug
assert ENVIRONMENT.secret_key  # noqa: S101 read_environment fills it in or refuses
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
ENCRYPTION_KEYS = [key.get_secret_value() for key in ENVIRONMENT.encryption_keys]

ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.csrf_trusted_origins

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",  # its templates, for the renderer below
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "threads",
]

MIDDLEWARE = [
    "chatsite.middleware.log_requests",
    "chatsite.middleware.answer_machines",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "chatsite.middleware.forms_that_can_be_read",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "chatsite.middleware.private_responses",
    "chatsite.middleware.sign_in_on_a_page",
    "threads.middleware.PreferencesMiddleware",
    "threads.middleware.NoticeMiddleware",
]

ROOT_URLCONF = "chatsite.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "threads.context.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- data ---

if ENVIRONMENT.database_url:
    try:
        _url = urlsplit(ENVIRONMENT.database_url.get_secret_value())
        _port = str(_url.port or "")
    except ValueError:  # its text may hold a part of the password
        raise ImproperlyConfigured(
            "DATABASE_URL: not an address; in user and password, special characters have to be %-escaped"
        ) from None
    if _url.scheme not in ("postgresql", "postgres") or not _url.path[1:]:
        raise ImproperlyConfigured("DATABASE_URL: must begin with postgresql:// and name a database")
    _database: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_url.path[1:]),
        "USER": unquote(_url.username or ""),
        "PASSWORD": unquote(_url.password or ""),
        "HOST": unquote(_url.hostname or ""),
        "PORT": _port,
        # Whoever waits for a database that has gone away lets go soon; sslmode and its like are added.
        "OPTIONS": {"connect_timeout": "5", "tcp_user_timeout": "10000"} | dict(parse_qsl(_url.query)),
    }
else:
    _database = {
        "ENGINE": "chatsite.embedded_postgres",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": str((ENVIRONMENT.var_dir / "postgres").resolve()),
    }
# Connections live as long as their thread: pages come through a fixed pool of threads (see asgi.py).
DATABASES = {"default": _database | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Counts failed sign-ins, for all processes together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # beyond, counts are thrown away; the default is 300
    }
}


# --- signing in ---

AUTH_USER_MODEL = "threads.User"
AUTHENTICATION_BACKENDS = ["threads.accounts.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "threads:home"
ACCOUNT_ADAPTER = "threads.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
# A company's people may all come from one address; guessing at one person's password is limited by the key.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "100/m/ip,5/300s/key"}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

# --- languages ---

LANGUAGE_CODE = "de"
LANGUAGES = [("de", _("German")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "threads" / "locale"]
FORMAT_MODULE_PATH = "chatsite.formats"
USE_I18N = True
TIME_ZONE = "Europe/Berlin"
USE_TZ = True

# --- static files ---

STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.var_dir / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is uploaded
    "staticfiles": {"BACKEND": "chatsite.static.BundledStaticFilesStorage"},
}

# --- security ---

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
if ENVIRONMENT.https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    # Other hosts of the domain, and browsers' preload lists: its owner decides, in front of this site.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# --- limits, each with its unit ---

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a form; the longest question has at most a third of that
HISTORY_CHARACTERS = ENVIRONMENT.history_characters  # of earlier messages that go along with a question
GIVE_UP_SECONDS = ENVIRONMENT.give_up_seconds
MAX_WAITING_PER_USER = ENVIRONMENT.max_waiting_per_user
MAX_QUESTIONS_PER_HOUR = ENVIRONMENT.max_questions_per_hour
MAX_WAITING = ENVIRONMENT.max_waiting  # browsers held open per process
WAIT_SECONDS = 25  # for one held-open request; below the 30 s after which proxies give up

# --- the API ---

# Where a source's document can be opened (RFC 6570; completions-api.md, Response).
DOCUMENT_URL_TEMPLATE = "https://products.haufe.de/{license_id}/document/{app_doc_id}{?auth_realm}"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "chatsite.logs.LineFormatter"},
        "json": {"()": "chatsite.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": ENVIRONMENT.log_format or ("json" if ENVIRONMENT.database_url else "line"),
        }
    },
    "root": {"handlers": ["console"], "level": ENVIRONMENT.log_level},
    "loggers": {
        "django": {"handlers": []},  # those of the root, none that mails what was posted
        "django.db.backends": {"level": "WARNING"},  # with DEBUG it would quote values
        "django.request": {"level": "ERROR"},  # refused requests: see chatsite.middleware.log_requests
        "django.server": {"handlers": ["console"], "propagate": False},
        "httpcore": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}

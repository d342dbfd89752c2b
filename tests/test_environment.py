import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import SecretStr
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chatsite.asgi import Site
from chatsite.environment import PROJECT_DIR, Environment, SettingsError, read_environment
from chatsite.server import Server

VARIABLES = [name.upper() for name in Environment.model_fields]
SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"
PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000"}
KEYS = {"SECRET_KEY": SECRET, "ENCRYPTION_KEYS": Fernet.generate_key().decode()}


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set but a folder."""
    for name in [*VARIABLES, "SECRETS_DIR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Environment:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_environment()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, **variables)
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)
    return str(caught.value)


def revealed(key: SecretStr | None) -> str:
    assert key
    return key.get_secret_value()


@pytest.mark.parametrize("name", Environment.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert Environment.model_fields[name].description


def test_nothing_has_to_be_set() -> None:
    environment = read_environment()
    assert (environment.host, environment.port, environment.https, environment.debug) == (
        "127.0.0.1",
        8000,
        False,
        False,
    )
    assert environment.allowed_hosts == ["127.0.0.1", "localhost", "[::1]"]
    assert environment.database_url is environment.completions_api_key is None


@pytest.mark.parametrize(
    "name", ["PORT", "DATABASE_URL", "ENCRYPTION_KEYS", "COMPLETIONS_API_KEY", "SECRETS_DIR"]
)
def test_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert repr(read(monkeypatch, **{name: ""})) == repr(read_environment())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "hunter2"),
        ("PORT", "65536"),
        ("HTTPS", "hunter2"),
        ("DEBUG", "hunter2"),
        ("SECRET_KEY", "hunter2"),
        ("ENCRYPTION_KEYS", "hunter2"),
        ("ENCRYPTION_KEYS", "hünter2"),
        ("ENCRYPTION_KEYS", f"{KEYS['ENCRYPTION_KEYS']},hunter2"),
        ("LOG_LEVEL", "hunter2"),
        ("SITE_NAME", "hunter2" * 6),
        ("WEB_THREADS", "0"),
        ("WORKER_CONCURRENCY", "101"),
        ("READ_TIMEOUT", "nan"),
        ("READ_TIMEOUT", "inf"),
        ("COMPLETIONS_BASE_URL", "ftp://hunter2"),
        ("TRUSTED_PROXIES", "hunter2"),
        ("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/99"),
    ],
)
def test_malformed_value_is_refused_by_name_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    message = refusal(monkeypatch, **{name: value})
    assert message.startswith(f"{name}: ")
    assert "hunter2" not in message


def test_all_that_is_malformed_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, PORT="x", HTTPS="x").splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["HTTPS", "PORT"]


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = read(monkeypatch, ALLOWED_HOSTS=" a.example , ,b.example,")
    assert environment.allowed_hosts == ["a.example", "b.example"]


def test_keys_are_separated_by_commas_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    environment = read(monkeypatch, ENCRYPTION_KEYS=f"{new}, {old}")
    assert [key.get_secret_value() for key in environment.encryption_keys] == [new, old]


def test_variables_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in KEYS.items():
        (tmp_path / name.lower()).write_text(f"{value}\n")
    environment = read(monkeypatch, SECRETS_DIR=str(tmp_path), DATABASE_URL="postgresql://db/chat")
    assert revealed(environment.secret_key) == SECRET


def test_variable_goes_before_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1")
    assert read(monkeypatch, SECRETS_DIR=str(tmp_path), PORT="2").port == 2


def test_file_that_is_empty_does_not_lead_to_the_embedded_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "database_url").touch()
    assert refusal(monkeypatch, SECRETS_DIR=str(tmp_path), **KEYS).startswith("DATABASE_URL: ")


def test_folder_of_secrets_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, SECRETS_DIR="/nowhere") == "SECRETS_DIR: there is no folder /nowhere"


@pytest.mark.parametrize("given", [{}, {"SECRET_KEY": SECRET}, {"ENCRYPTION_KEYS": KEYS["ENCRYPTION_KEYS"]}])
def test_keys_are_required_with_a_database_and_new_ones_offered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str]
) -> None:
    message = refusal(monkeypatch, DATABASE_URL=f"postgresql://u:{SECRET}@db/chat", **given)
    assert SECRET not in message
    assert not (tmp_path / "var").exists()
    offered = dict(line.strip().split("=", 1) for line in message.splitlines()[1:])
    environment = read(monkeypatch, **offered)
    assert revealed(environment.secret_key) == offered["SECRET_KEY"]


def test_keys_are_made_once_beside_the_embedded_database(tmp_path: Path) -> None:
    first, second = read_environment(), read_environment()
    assert revealed(first.secret_key) == revealed(second.secret_key)
    assert first.encryption_keys == second.encryption_keys
    files = sorted((tmp_path / "var").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [
        ("encryption_key", 0o600),
        ("secret_key", 0o600),
    ]


def test_keys_are_the_same_for_those_who_start_at_once() -> None:
    program = (
        "from chatsite.environment import read_environment as r; print(r().secret_key.get_secret_value())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    keys = {process.communicate(timeout=30)[0] for process in started}
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 32


def test_folder_that_can_not_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(monkeypatch, VAR_DIR="/dev/null/var").startswith("VAR_DIR: ")


def test_representation_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"COMPLETIONS_API_KEY": "hunter2-api", "DEMO_PASSWORD": "hunter2-demo"}
    url = "postgresql://u:hunter2@db/chat"
    environment = read(monkeypatch, DATABASE_URL=url, **KEYS, **secrets)
    for text in (
        repr(environment),
        str(environment),
        repr(environment.model_dump()),
        environment.model_dump_json(),
    ):
        assert "hunter2" not in text
        assert KEYS["ENCRYPTION_KEYS"] not in text


async def test_word_of_trusted_proxies_alone_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = read(monkeypatch, TRUSTED_PROXIES="127.0.0.1, 10.1.0.0/16, fd00::1").trusted_proxies
    monkeypatch.setattr(django_settings.ENVIRONMENT, "trusted_proxies", proxies)
    config = Server(Site(), host="127.0.0.1", port=0).config
    clients = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clients.append(scope["client"][0])

    for proxy in ("127.0.0.1", "10.1.2.3", "fd00::1", "10.2.0.1"):
        scope: Any = {"type": "http", "client": (proxy, 1), "headers": [(b"x-forwarded-for", b"192.0.2.1")]}
        asked: Any = None
        await ProxyHeadersMiddleware(app, config.forwarded_allow_ips)(scope, asked, asked)
    assert clients == ["192.0.2.1"] * 3 + ["10.2.0.1"]


# The settings made of it.


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(PROJECT_DIR / "chatsite" / "settings.py"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://m%C3%BCller%40x:p%2F%3A%23%25@db.example:6432/chat?sslmode=require&connect_timeout=3",
            {
                "USER": "müller@x",
                "PASSWORD": "p/:#%",
                "HOST": "db.example",
                "PORT": "6432",
                "NAME": "chat",
                "OPTIONS": PATIENCE | {"sslmode": "require", "connect_timeout": "3"},
            },
        ),
        (
            "postgres://db/chat",
            {"USER": "", "PASSWORD": "", "HOST": "db", "PORT": "", "NAME": "chat", "OPTIONS": PATIENCE},
        ),
        ("postgresql://[::1]:5433/a%20b", {"HOST": "::1", "PORT": "5433", "NAME": "a b"}),
        (
            "postgresql:///chat?host=/run/Postgres",
            {"HOST": "", "NAME": "chat", "OPTIONS": PATIENCE | {"host": "/run/Postgres"}},
        ),
    ],
)
def test_database_url_becomes_a_database(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: dict[str, Any]
) -> None:
    found = settings(monkeypatch, DATABASE_URL=url, **KEYS)["DATABASES"]["default"]
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert {name: found[name] for name in expected} == expected


def test_without_a_database_url_the_embedded_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = settings(monkeypatch)["DATABASES"]["default"]
    assert found["ENGINE"] == "chatsite.embedded_postgres"
    assert found["HOST"] == str(tmp_path / "var" / "postgres")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@db/chat",
        "hunter2",
        "postgresql://u:hunter2/x@db/chat",
        "postgresql://u:hunter2#x@db/chat",
        "postgresql://u:[hunter2@db/chat",
        "postgresql://u:hunter2@db:99999/chat",
    ],
)
def test_malformed_database_url_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL: ") as caught:
        settings(monkeypatch, DATABASE_URL=url, **KEYS)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("https", ["true", "false"])
def test_https_holds_for_all_that_is_sent(monkeypatch: pytest.MonkeyPatch, https: str) -> None:
    found = settings(monkeypatch, HTTPS=https)
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SECURE_SSL_REDIRECT")
    assert {found.get(name, False) for name in names} == {https == "true"}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_DIR,
        env=given | {"DJANGO_SETTINGS_MODULE": "chatsite.settings"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_malformed_setting_stops_every_command() -> None:
    result = run("manage.py", "check", PORT="hunter2")
    assert result.returncode == 1
    assert "PORT: Input should be a valid integer" in result.stderr
    assert "hunter2" not in result.stderr


def test_production_settings_pass_the_deployment_checks() -> None:
    url = "postgresql://u:p@db.invalid/chat"
    strong = {"SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP-_"}
    result = run(
        *["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        **KEYS | strong | {"DATABASE_URL": url, "HTTPS": "true", "ALLOWED_HOSTS": "chat.example"},
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "line"),
        ({"LOG_FORMAT": "json"}, "json"),
        ({"DATABASE_URL": "postgresql://db/chat"} | KEYS, "json"),
        ({"DATABASE_URL": "postgresql://db/chat", "LOG_FORMAT": "line"} | KEYS, "line"),
    ],
)
def test_logs_are_for_machines_where_the_database_is_not_embedded(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    assert settings(monkeypatch, **variables)["LOGGING"]["handlers"]["console"]["formatter"] == expected

"""The settings that come from the environment: read once, typed, refused with a clear message."""

import contextlib
import os
import secrets
import tempfile
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from cryptography.fernet import Fernet
from pydantic import (
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent


def _split(value: Any) -> Any:
    """``"a, b"`` → ``["a", "b"]``."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Networks = Annotated[list[IPvAnyNetwork], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(_split)]


class Environment(BaseSettings):
    """Each field is the environment variable of the same name in capitals.

    A variable may also be a file of that name in the folder that ``SECRETS_DIR`` names, as container
    platforms mount secrets.
    """

    # Not the model's name in errors, and never the value: it may be a secret.
    model_config = SettingsConfigDict(hide_input_in_errors=True, env_ignore_empty=True, extra="ignore")

    # The site
    secret_key: SecretStr | None = Field(None, min_length=32, description="Signs sessions and waiting ids.")
    encryption_keys: Secrets = Field([], description="Fernet keys for API keys, newest first.")
    allowed_hosts: CommaSeparated = Field(
        ["127.0.0.1", "localhost", "[::1]"], description="Host names served."
    )
    csrf_trusted_origins: CommaSeparated = Field([], description="Origins in front of a proxy, with scheme.")
    https: bool = Field(False, description="Served over HTTPS, by a proxy that sets X-Forwarded-Proto.")
    trusted_proxies: Networks = Field(
        [ip_network("127.0.0.1")], description="Proxies whose X-Forwarded-… headers are believed."
    )
    site_name: str = Field("Auskunft", max_length=40, description="The product's name, as users see it.")
    operator_name: str = Field("", max_length=200, description="Who runs the site, as the statements say.")
    accessibility_contact: str | None = Field(
        None,
        pattern=r"^(https?://\S+|[^@\s]+@[^@\s]+)$",
        description="E-mail address or URL for who meets a barrier; else the administrators.",
    )
    data_protection_contact: str = Field(
        "", max_length=200, description="Whom users ask about their data; else the administrators."
    )
    four_eyes: bool = Field(
        True, description="Mandates, and names, are released by another person than who asks."
    )
    debug: bool = Field(False, description="Django's debug pages. Never in production.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged.")
    log_format: str | None = Field(
        None, pattern="^(line|json)$", description="How log lines look; else JSON with DATABASE_URL."
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="Bearer token that /metrics asks for; else this machine only."
    )
    ready_waiting_seconds: PositiveInt = Field(
        600, description="Age of an unanswered question at which the site counts as not ready."
    )

    # The data
    database_url: SecretStr | None = Field(
        None, min_length=1, description="postgresql://… (15 or newer); else embedded."
    )
    var_dir: Path = Field(PROJECT_DIR / "var", description="Folder of the embedded database and its keys.")

    # Serving
    web_threads: PositiveInt = Field(8, description="Threads, each with a database connection, for pages.")
    max_waiting: PositiveInt = Field(5000, description="Waiting browsers that one process holds open.")
    worker_concurrency: PositiveInt = Field(50, le=100, description="Calls to the API at once, per worker.")

    # Answering
    budget_minute_seconds: PositiveFloat = Field(60, description="A minute of the limits, for tests of them.")
    recovery_seconds: PositiveFloat = Field(15, description="Silence after which a worker counts as dead.")
    give_up_seconds: PositiveFloat = Field(
        1800, description="How long a question outlasts an API that is down."
    )
    max_waiting_per_user: PositiveInt = Field(10, description="Questions of one user that may wait at once.")
    max_questions_per_hour: PositiveInt = Field(120, description="Questions of one user within an hour.")
    history_characters: PositiveInt = Field(60_000, description="Earlier text that goes along, at most.")
    read_timeout: PositiveFloat = Field(
        120, allow_inf_nan=False, description="Seconds that an answer may take."
    )

    # The demo
    completions_api_key: SecretStr | None = Field(None, description="Key of the API; else the sandbox.")
    completions_base_url: str = Field(
        "https://api.haufe.ai/agents", pattern="^https?://", description="The API."
    )
    completions_licence: str = Field("", description="Licence sent to assistants that require one.")
    demo_password: SecretStr = Field(SecretStr("demo-password"), description="Of the demo users.")


class SettingsError(Exception):
    """A setting is malformed or missing; the message names the variable, never its value."""


def read_environment(**overrides: Any) -> Environment:
    """The environment as it stands now; raises `SettingsError`."""
    secrets_dir = os.environ.get("SECRETS_DIR") or None
    if secrets_dir and not Path(secrets_dir).is_dir():
        raise SettingsError(f"SECRETS_DIR: there is no folder {secrets_dir}")
    try:
        environment = Environment(_secrets_dir=secrets_dir, **overrides)
    except ValidationError as error:
        lines = [f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsError("\n".join(lines)) from None
    try:
        return _with_keys(environment)
    except OSError as error:
        raise SettingsError(f"VAR_DIR: {error}") from error


def _with_keys(environment: Environment) -> Environment:
    """Fill in the site's own keys: kept beside the embedded database, else required."""
    if environment.database_url is None:
        if environment.secret_key is None:
            environment.secret_key = _kept(environment.var_dir / "secret_key", secrets.token_urlsafe(48))
        if not environment.encryption_keys:
            environment.encryption_keys = [
                _kept(environment.var_dir / "encryption_key", Fernet.generate_key().decode())
            ]
    if environment.secret_key is None or not environment.encryption_keys:
        raise SettingsError(
            "SECRET_KEY and ENCRYPTION_KEYS are required with DATABASE_URL. New ones:\n"
            f"  SECRET_KEY={secrets.token_urlsafe(48)}\n"
            f"  ENCRYPTION_KEYS={Fernet.generate_key().decode()}"
        )
    for key in environment.encryption_keys:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise SettingsError("ENCRYPTION_KEYS: each must be 32 url-safe base64-encoded bytes") from None
    return environment


def _kept(path: Path, new: str) -> SecretStr:
    """The secret in the file at `path`; `new` is kept there, at one stroke, if there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # 0600
            file.write(new)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return SecretStr(path.read_text("ascii"))

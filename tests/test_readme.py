import re
from pathlib import Path

from chatsite.environment import Environment

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
MAKEFILE = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    assert named == {name.upper() for name in Environment.model_fields} | {"SECRETS_DIR"}


def test_every_command_of_make_that_is_named_exists() -> None:
    named = set(re.findall(r"\bmake (\w+)", README))
    assert named >= {"run", "test", "check"}
    assert named <= set(re.findall(r"^(\w+):", MAKEFILE, re.MULTILINE))


def test_every_picture_exists() -> None:
    pictures = re.findall(r"\]\((docs/[^)]+)\)", README)
    assert pictures
    assert all((Path(__file__).parent.parent / picture).is_file() for picture in pictures)

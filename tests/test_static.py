import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from pytest_django import Settings

from chatsite.environment import PROJECT_DIR
from chatsite.static import NOT_BUNDLED, bundled_css, bundled_js

FILES = {
    "a.css": "a { color: red }",
    "b.css": "b {}\n",
    "a.js": "const n = 1; // one",
    "b.js": "const n = 2;\n",
}


@pytest.mark.parametrize(
    ("text", "bundle"),
    [
        ("p {}\n", "p {}\n"),
        ('@import "./a.css";\np {}', "a { color: red }\np {}"),
        ('@import "./b.css" layer(base);', "@layer base {\nb {}\n\n}"),
        (
            '@layer x, y;\n@import "./b.css" layer(x);\n@import "./a.css" layer(y);\n',
            "@layer x, y;\n@layer x {\nb {}\n\n}\n@layer y {\na { color: red }\n}\n",
        ),
    ],
)
def test_css_imports_are_inlined_in_their_layers(text: str, bundle: str) -> None:
    assert bundled_css(text, FILES.__getitem__) == bundle


def test_js_imports_are_inlined_each_in_a_scope_of_its_own() -> None:
    bundle = bundled_js('import "./a.js";\nimport "./b.js";\nrun();\n', FILES.__getitem__)
    assert bundle == "{\nconst n = 1; // one\n}\n{\nconst n = 2;\n\n}\nrun();\n"


@pytest.mark.parametrize(
    "text",
    [
        '@import url("a.css");',
        '@import "a.css";',
        "@import './a.css';",
        '@import "./a.css" screen;',
        '@import "./deep/a.css";',
        '  @import "./a.css";',
        '@import "https://example.org/a.css";',
    ],
)
def test_css_import_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.strip())):
        bundled_css(f"p {{}}\n{text}\n", FILES.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        'import { a } from "./a.js";',
        "import './a.js';",
        'import "./deep/a.js";',
        '  import "./a.js";',
        'import("./a.js");',
        "export const a = 1;",
    ],
)
def test_js_import_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.strip())):
        bundled_js(f"run();\n{text}\n", FILES.__getitem__)


def test_import_within_an_imported_file_is_refused() -> None:
    with pytest.raises(ValueError, match="deeper"):
        bundled_css('@import "./a.css";', lambda name: '@import "./deeper.css";')
    with pytest.raises(ValueError, match="export"):
        bundled_js('import "./a.js";', lambda name: "export function a() {}")


def served(name: str) -> Path:
    """The file that a page's ``{% static name %}`` leads to."""
    return Path(staticfiles_storage.path(static(name).removeprefix("/static/")))


def without_addresses(css: str) -> str:
    """They are given hashes."""
    return re.sub(r"url\([^)]*\)", "", css).strip()


@pytest.mark.parametrize("name", ["css/site.css", "js/site.js"])
def test_site_is_served_as_one_stylesheet_and_one_script(name: str) -> None:
    own, bundle = PROJECT_DIR / "static" / name, served(name).read_text()
    imported = re.findall(r'^@?import "\./(.+?)"', own.read_text(), re.MULTILINE)
    assert imported
    assert not NOT_BUNDLED.search(bundle)
    for file in imported:
        assert without_addresses((own.parent / file).read_text()) in without_addresses(bundle)


@pytest.mark.parametrize("name", ["css/site.css", "js/site.js", "admin/css/base.css"])
def test_files_are_served_with_a_hash_and_compressed(name: str) -> None:
    file = served(name)
    assert re.fullmatch(r".+\.[0-9a-f]{12}\.(css|js)", file.name)
    for compressed in (".gz", ".br"):
        assert 0 < file.with_name(file.name + compressed).stat().st_size < file.stat().st_size


@pytest.fixture
def sample(settings: Settings, tmp_path: Path) -> Path:
    """The static files of a small site."""
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    for folder, import_, text in (("css", "@import", "a { color: red }"), ("js", "import", "run();")):
        (tmp_path / "static" / folder).mkdir(parents=True)
        (tmp_path / "static" / folder / f"site.{folder}").write_text(f'{import_} "./a.{folder}";\n')
        (tmp_path / "static" / folder / f"a.{folder}").write_text(text)
    return tmp_path / "static"


def collect(**options: bool) -> None:
    call_command("collectstatic", interactive=False, verbosity=0, **options)


def test_address_of_a_bundle_changes_with_what_it_imports(sample: Path) -> None:
    collect()
    before = served("js/site.js")
    (sample / "js" / "a.js").write_text("walk();")
    collect()
    assert served("js/site.js") != before
    assert "walk();" in served("js/site.js").read_text()


def test_import_of_a_file_that_is_missing_is_refused(sample: Path) -> None:
    (sample / "css" / "a.css").unlink()
    with pytest.raises(ValueError, match=r"css/site\.css imports a\.css"):
        collect()


def test_trial_run_writes_no_bundle(sample: Path) -> None:
    collect(dry_run=True)
    assert not (sample.parent / "collected" / "css").exists()

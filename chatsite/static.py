"""Static files as they are served: bundled, hashed, compressed."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

CSS_IMPORT = re.compile(r'^@import "\./(?P<name>[\w.-]+)"(?: layer\((?P<layer>\w+)\))?;$', re.MULTILINE)
JS_IMPORT = re.compile(r'^import "\./(?P<name>[\w.-]+)";$', re.MULTILINE)
NOT_BUNDLED = re.compile(r"^[ \t]*(?:@import|import|export)\b.*", re.MULTILINE)

Read = Callable[[str], str]


class BundledStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Puts the files that ``css/site.css`` and ``js/site.js`` import in the place of the imports.

    Browsers understand both files as they stand, with a request for each import; bundled it is one
    request each. Scripts are side-effect modules, so a block scope around each keeps their names apart.
    """

    support_js_module_import_aggregation = False  # ours are bundled, the admin has none

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run:
            for name, bundle in (("css/site.css", bundled_css), ("js/site.js", bundled_js)):
                if name in paths:
                    storage, path = paths[name]
                    with storage.open(path) as file:
                        text = bundle(file.read().decode(), partial(self._read, paths, name))
                    self.delete(name)
                    self._save(name, ContentFile(text.encode()))
                    paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)

    @staticmethod
    def _read(paths: dict[str, Any], site_file: str, name: str) -> str:
        try:
            storage, path = paths[f"{site_file.rpartition('/')[0]}/{name}"]
        except KeyError:
            raise ValueError(f"{site_file} imports {name}, which is not beside it") from None
        with storage.open(path) as file:
            return str(file.read().decode())


def bundled_css(text: str, read: Read) -> str:
    def inlined(match: re.Match[str]) -> str:
        css = read(match["name"])
        return f"@layer {match['layer']} {{\n{css}\n}}" if match["layer"] else css

    return _without_imports(CSS_IMPORT.sub(inlined, text))


def bundled_js(text: str, read: Read) -> str:
    return _without_imports(JS_IMPORT.sub(lambda match: f"{{\n{read(match['name'])}\n}}", text))


def _without_imports(bundle: str) -> str:
    """What would be another request, by a name without a hash, or not even valid in its block."""
    if match := NOT_BUNDLED.search(bundle):
        raise ValueError(f"can't be bundled: {match[0].strip()}")
    return bundle

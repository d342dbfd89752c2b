"""Static files as they are served: bundled, hashed, compressed."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

CSS_IMPORT = re.compile(r'^@import "\./(?P<name>[\w.-]+)"(?: layer\((?P<layer>\w+)\))?;$', re.MULTILINE)
JS_IMPORT = re.compile(r'^import "\./(?P<name>[\w.-]+)";$', re.MULTILINE)


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
                        text = bundle(file.read().decode(), lambda n, at=name: self._read(paths, at, n))
                    self.delete(name)
                    self._save(name, ContentFile(text.encode()))
                    paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)

    @staticmethod
    def _read(paths: dict[str, Any], site_file: str, name: str) -> str:
        storage, path = paths[f"{site_file.rpartition('/')[0]}/{name}"]
        with storage.open(path) as file:
            return str(file.read().decode())


def bundled_css(text: str, read: Any) -> str:
    def inlined(match: re.Match[str]) -> str:
        css = read(match["name"])
        return f"@layer {match['layer']} {{\n{css}}}\n" if match["layer"] else css

    return CSS_IMPORT.sub(inlined, text)


def bundled_js(text: str, read: Any) -> str:
    return JS_IMPORT.sub(lambda match: f"{{\n{read(match['name'])}}}\n", text)

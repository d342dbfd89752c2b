"""Every component in every state: accessible, and no wider than the window."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from threads.models import User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

Open = Callable[..., Page]


@both
def test_components(page_in: Open, admin: User) -> None:  # noqa: F811
    page = page_in(admin, viewport={"width": 1440, "height": 900})
    page.goto("/components/")
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_components_are_no_wider_than_the_window(open_browser: Open, admin: User, width: int) -> None:
    page = open_browser(admin, viewport={"width": width, "height": 700})
    page.goto("/components/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width

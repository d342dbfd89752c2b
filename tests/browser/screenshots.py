"""Takes the README's pictures of a demo that runs: ``python -m tests.browser.screenshots [BASE_URL]``."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium

FOLDER = Path(__file__).parent.parent.parent / "docs" / "screenshots"

QUESTIONS = ("Wie viele Urlaubstage", "Wie lange dauert die Elternzeit", "Bekomme ich weiter Lohn")
FOLLOW_UP = "Und welche Kündigungsfrist gilt in der Probezeit?"


def main(base_url: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.ARGUMENTS])
        page = signed_in(browser, base_url, "anna@example.org")
        page.screenshot(path=FOLDER / "home.png")
        for number, question in enumerate(QUESTIONS, start=1):
            page.goto("/")
            page.get_by_role("button", name=question).click()
            answered(page, 1)
            if number == 2:
                page.goto("/threads/")
                page.locator(".thread-menu summary").first.click()
                page.locator(".thread-menu[open]").get_by_role("button", name="Anheften").click()
        address = page.url
        page.locator("a.citation").first.click()
        page.set_viewport_size({"width": 1280, "height": 1850})
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "conversation.png")
        page.locator("#content").fill(FOLLOW_UP)
        page.locator("#content").press("Enter")
        answered(page, 2)
        page.set_viewport_size({"width": 1200, "height": 800})
        page.goto("/threads/")
        page.screenshot(path=FOLDER / "list.png")
        page.goto("/search/?q=Kündigung")
        page.screenshot(path=FOLDER / "search.png")
        page.goto(f"{address.split('#')[0]}print/")
        page.set_viewport_size({"width": 800, "height": 1000})
        page.screenshot(path=FOLDER / "print.png")
        phone = browser.new_context(
            base_url=base_url,
            locale="de-DE",
            color_scheme="dark",
            viewport={"width": 390, "height": 800},
            storage_state=page.context.storage_state(),
        ).new_page()
        phone.goto(address)
        phone.wait_for_timeout(500)
        phone.screenshot(path=FOLDER / "phone-dark.png")
        page.set_viewport_size({"width": 1200, "height": 900})
        page.goto("/account/access/")
        page.screenshot(path=FOLDER / "access.png")
        auditor = signed_in(browser, base_url, "auditor@example.org")
        auditor.goto("/review/")
        auditor.get_by_role("link", name="Zu den Unterhaltungen").click()
        auditor.screenshot(path=FOLDER / "review.png")
        auditor.get_by_role("link", name="Befunde").first.click()
        auditor.set_viewport_size({"width": 1200, "height": 1000})
        auditor.screenshot(path=FOLDER / "findings.png")
        auditor.goto("/review/log/")
        auditor.screenshot(path=FOLDER / "log.png")
        auditor.goto("/insights/")
        auditor.screenshot(path=FOLDER / "insights.png")
        admin = signed_in(browser, base_url, "admin@example.org")
        admin.goto("/admin/threads/connection/")
        admin.locator("#result_list tbody th a").first.click()
        admin.get_by_role("link", name="Assistenten importieren").click()
        admin.screenshot(path=FOLDER / "import.png")
        browser.close()


def signed_in(browser: Browser, base_url: str, email: str) -> Page:
    context = browser.new_context(
        base_url=base_url, locale="de-DE", color_scheme="light", viewport={"width": 1200, "height": 800}
    )
    page = context.new_page()
    page.goto("/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill("demo-password")
    page.locator("[name=password]").press("Enter")
    expect(page.locator("main h1")).not_to_have_text("Anmelden")
    if page.locator("button[name=acknowledge]").count():
        page.locator("button[name=acknowledge]").click()
        expect(page.locator("button[name=acknowledge]")).to_have_count(0)
    return page


def answered(page: Page, count: int) -> None:
    done = page.locator("article[data-role=assistant][data-state=done]")
    expect(done).to_have_count(count, timeout=30_000)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")

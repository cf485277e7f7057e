"""The pages as a real browser shows them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gudspec.report.comparison import compare
from gudspec.report.comparison_page import render_comparison
from gudspec.report.page import write_report
from tests.report.workdirs import SPEC, workdir

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, such as the Debian package chromium"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    one = workdir(folder / "one")
    two = workdir(folder / "two", SPEC.replace("inverse_softness: 0.6", "inverse_softness: 0.2"))
    file = folder / "comparison.html"
    file.write_text(render_comparison(compare([one, two])), encoding="utf-8")
    return {"report": Path(write_report(one)), "comparison": file}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_pages_are_whole(browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    with browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True) as context:
        page, said, asked = context.new_page(), [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url.partition(",")[0]))
        page.goto(pages[name].as_uri())
        page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
        widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert len(widths) > 6
        assert all(width > 0 for width in widths)
        assert said == []
        assert {url for url in asked if not url.startswith("data:")} == {pages[name].as_uri()}
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, svg')"
            " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
        )
        assert outside == []
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(253, 252, 250)" if scheme == "light" else "rgb(22, 23, 26)")


@pytest.mark.parametrize(("motion", "moves", "switch"), [("no-preference", True, "Pause"), ("reduce", False, "Play")])
def test_an_animation_can_be_paused_and_waits_where_less_motion_is_wanted(
    browser: Any, pages: dict[str, Path], motion: str, moves: bool, switch: str
) -> None:
    with browser.new_context(reduced_motion=motion, offline=True) as context:
        page = context.new_page()
        page.goto(pages["report"].as_uri())
        moving, still = page.locator("img.moving"), page.locator("img.still")
        assert (moving.is_visible(), still.is_visible()) == (moves, not moves)
        page.get_by_label(switch).check()
        assert (moving.is_visible(), still.is_visible()) == (not moves, moves)

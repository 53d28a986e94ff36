"""How long a page of `make site` takes from opening to its first picture, in headless Chromium: `make bench`.

Each page is opened from the disk in a fresh browser context, so that nothing is cached. An empty page is opened in
between: what is over it is the lesson's.
"""

import statistics
import time

from browser import chromium_browser
from build_site import SITE

OPENED = 7  # times each
DRAWN = ".cs-explorer .cs-cell, .cs-explorer svg"


def seconds(browser, address, selector):
    context = browser.new_context()
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(selector).first.wait_for(state="attached")
    taken = time.perf_counter() - start
    context.close()
    return taken


def main():
    empty = SITE / "empty.html"
    pages = {
        page: DRAWN if "data-model" in page.read_text("utf-8") else "main .output img"  # lesson 06 has no explorer
        for page in sorted(SITE.glob("*.html"))
    }
    empty.write_text("<!doctype html><body><p>here</p>")
    try:
        with chromium_browser() as browser:
            taken = {page: [] for page in (*pages, empty)}
            for _ in range(OPENED):
                for page, selector in {**pages, empty: "p"}.items():
                    taken[page].append(seconds(browser, page.as_uri(), selector))
    finally:
        empty.unlink()
    for page, values in taken.items():
        print(
            f"{page.stem:30} first picture after {statistics.median(values):.2f} s "
            f"(from {min(values):.2f} to {max(values):.2f}, n = {OPENED})"
        )


if __name__ == "__main__":
    main()

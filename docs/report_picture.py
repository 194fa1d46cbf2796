"""``docs/report.png`` anew, the first screen of a report: ``python docs/report_picture.py REPORT.html`` (Chromium, selenium)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

WIDTH, HEIGHT = 1280, 1500


def take(page: Path, path: Path, width: int = WIDTH, height: int = HEIGHT, scheme: str = "light") -> None:
    """A page's top, as a window of that size shows it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    if not (driven_by := shutil.which("chromedriver")):
        raise SystemExit("chromedriver: not found; install Chromium and its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(driven_by, log_output=os.devnull))
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        driver.get(page.resolve().as_uri())
        driver.save_screenshot(str(path))
    finally:
        driver.quit()


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(__file__).with_name("report.png"))

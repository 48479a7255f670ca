"""JupyterLab in a headless browser: a person opens a notebook, runs it, restarts, interrupts and saves."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from harness import PLANTED
from test_clients import notebook, outputs

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
TOKEN = "lab-test-token"
SCREENSHOTS = Path(os.environ["SEALBOOK_E2E_FOLDER"]) / "screenshots"
SIZE = len(PLANTED["jdbc", "password"].encode())


@pytest.fixture(scope="module")
def lab(house):
    """A running JupyterLab's address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    log = (house.root / "logs" / "lab.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
         f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={house.notebooks}", "--ServerApp.port_retries=0",
         "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--FileContentsManager.always_delete_dir=True"],
        env=house.environment(), stdout=log, stderr=log, cwd=house.notebooks)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).read()
                break
            assert process.poll() is None and time.monotonic() < deadline, (house.root / "logs" / "lab.log").read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()


@pytest.fixture(scope="module")
def page(house, lab):
    """The notebook, open in the browser, its kernel started."""
    notebook(house, [
        'let password = dbutils.secrets.get("jdbc", "password");',
        'println!("<{password}>");',
        "password.len()",
        "loop { std::hint::black_box(()); }",
        'println!("still {}", password.len());',
    ], name="lab.ipynb")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{lab}/lab/tree/lab.ipynb?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(5)
        yield page
        page.screenshot(path=SCREENSHOTS / "lab-end.png")
        browser.close()


def cell(page, number):
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number)


def run_cell(page, number):
    """Clicks into a cell and runs it; again if the page, which was still drawing the notebook, let the keys fall."""
    before = prompt(page, number).text_content()
    for _ in range(3):
        cell(page, number).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            expect(prompt(page, number)).not_to_have_text(before, timeout=5_000)
            return


def prompt(page, number):
    return cell(page, number).locator(".jp-InputPrompt")


def executed(page, number, limit=120_000):
    expect(prompt(page, number)).to_have_text(re.compile(r"\[\d+\]:"), timeout=limit)


def wait_for_kernel(page):
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle", timeout=120_000)


def test_run_shows_the_token_and_not_the_value(page):
    wait_for_kernel(page)
    for number in range(3):
        run_cell(page, number)
        executed(page, number)
    expect(cell(page, 1).locator(".jp-OutputArea-output")).to_have_text(re.compile(r"<\[REDACTED\]>"))
    expect(cell(page, 2).locator(".jp-OutputArea-output").last).to_have_text(str(SIZE))
    page.screenshot(path=SCREENSHOTS / "lab-redacted.png")
    assert PLANTED["jdbc", "password"] not in page.content()


def test_interrupt_stops_a_cell_and_keeps_the_variables(page):
    run_cell(page, 3)
    expect(prompt(page, 3)).to_have_text("[*]:")
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    executed(page, 3, 30_000)
    run_cell(page, 4)
    executed(page, 4)
    expect(cell(page, 4).locator(".jp-OutputArea-output")).to_have_text(re.compile(f"still {SIZE}"))
    page.screenshot(path=SCREENSHOTS / "lab-interrupted.png")


def test_restart_forgets_variables_and_works(page):
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.keyboard.press("0")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    wait_for_kernel(page)
    run_cell(page, 2)
    expect(cell(page, 2).locator(".jp-OutputArea-output").first).to_contain_text("password", timeout=120_000)
    for number in (0, 1, 2):
        run_cell(page, number)
        executed(page, number)
    expect(cell(page, 2).locator(".jp-OutputArea-output").last).to_have_text(str(SIZE), timeout=120_000)
    page.screenshot(path=SCREENSHOTS / "lab-restarted.png")


def test_the_saved_file_holds_the_token(page, house):
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    path = house.notebooks / "lab.ipynb"
    deadline = time.monotonic() + 30
    while "REDACTED" not in path.read_text():
        assert time.monotonic() < deadline, "the notebook was not saved"
        page.wait_for_timeout(100)
    assert outputs(path)[1] == "<[REDACTED]>\n"
    assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "sealbook"

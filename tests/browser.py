"""A real browser for tests of HTML pages: Debian's chromium, without its services, driven by playwright."""

import importlib.util
import shutil
from pathlib import Path

# `make test-browser` installs it there, and git ignores the folder
AXE = Path(__file__).parents[1] / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",  # CI runs as root, and the pages are our own
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LARGE, SMALL = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


def program():
    """The browser of this machine, None without one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def why_none():
    """Why pages cannot be looked at here, "" where they can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install -e '.[dev]'"
    return "" if program() else "no chromium here: apt-get install chromium"


class Visit:
    """A page in the browser, with what it wrote to the console and what it requested beside itself."""

    def __init__(self, browser, file, size=LARGE, scheme="light", scripts=True):
        self.file = file
        self.context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
        self.page = self.context.new_page()
        self.messages, self.requests = [], []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    @property
    def other_requests(self):
        """What the page requested besides itself; its icon is data in the page."""
        return [url for url in self.requests if url not in (self.file.as_uri(), "data:,")]

    def __enter__(self):
        return self.page

    def __exit__(self, *_):
        self.context.close()

"""The progress of a campaign in a notebook: a bar in the output of the cell, which is drawn anew in its place."""

from html import escape
from typing import TYPE_CHECKING

from mnv2bench.terminal import Display

if TYPE_CHECKING:
    from IPython.display import DisplayHandle


class NotebookDisplay(Display):
    """The same display, drawn by IPython; a line stands below the bar."""

    handle: "DisplayHandle | None" = None

    def line(self, text: str) -> None:
        """Show a text that stays."""
        from IPython.display import display

        if not self.console.quiet:
            display({"text/plain": text}, raw=True)

    def draw(self, doing: str, left: str, done: int, total: int) -> None:
        """Draw the bar with its text, in the place of the one before it."""
        from IPython.display import display

        if self.console.quiet:
            return
        text = f"{done} of {total} {self.steps}{left}; {doing}"
        bar = f'<progress max="{total}" value="{done}" aria-label="progress"></progress>'
        shown = {"text/html": f"{bar} {escape(text)}", "text/plain": text}
        if self.handle is None:
            self.handle = display(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)


def display(quiet: bool, steps: str) -> Display:
    """The display for where this runs: a notebook, a terminal or a file. `steps` is what it counts."""
    shown = Display(quiet=quiet, steps=steps)
    return NotebookDisplay(quiet=quiet, steps=steps) if shown.console.is_jupyter else shown

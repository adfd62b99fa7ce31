"""Why a case cannot run: what this machine lacks, and what a runtime does not do."""


class Unavailable(Exception):
    """This machine lacks something that the backend needs; the message ends in what to do."""


class Unsupported(Exception):
    """The case asks for something that the runtime does not do."""


class Wrong(Exception):
    """What would run is not what the case says, though it might compute the right answer: no number is taken."""

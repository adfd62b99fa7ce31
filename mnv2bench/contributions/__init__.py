"""Files of other people: whether their numbers can be, and what to ask before they are merged."""

"""Records and history -> verdicts: which cells are asked again, and when a duel has said enough."""

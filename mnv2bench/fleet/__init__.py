"""Several machines that measure together: each the cases that it can run, each with a journal of its own."""

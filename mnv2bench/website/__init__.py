"""A static site of saved files: a page for each machine, each case over time and each runtime."""

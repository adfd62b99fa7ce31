"""The pages, tables and pictures of the regression verbs."""

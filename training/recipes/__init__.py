"""Recipes: each module has a function `recipe()`, and a docstring with the command and what comes out."""

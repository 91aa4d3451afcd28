"""Docstrings in Keras' style, made into what Markdown and mkdocstrings know.

Examples stand at the margin there, each after the word "Example:"; shapes are a line each; call arguments are written
as arguments are. mkdocs.yml names this file as an extension of Griffe.
"""

import re
import textwrap

import griffe

_DOCTEST = re.compile(r"(?:^>>> .*\n?)(?:^.+\n?)*", re.MULTILINE)
_CALL = re.compile(r"^(Call arguments.*):\n((?:^ +.*\n?)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+): ", re.MULTILINE)
_RETURNS = re.compile(r"^(Returns|Yields):\n((?:^(?: +.*)?\n?)+)", re.MULTILINE)
_TITLE = re.compile(r"^(Input shape|Output shape|Examples?|References?):", re.MULTILINE)


def as_markdown(docstring):
    """A docstring's text with its examples in fences, its call arguments in a list, and its titles in bold."""
    text = _DOCTEST.sub(lambda match: f"```pycon\n{match[0].rstrip()}\n```\n", docstring)
    text = _CALL.sub(lambda match: f"**{match[1]}:**\n\n" + _ARGUMENT.sub(r"- **`\1`** – ", match[2]), text)
    text = _RETURNS.sub(lambda match: f"**{match[1]}:** {textwrap.dedent(match[2])}", text)
    return _TITLE.sub(r"\n**\1:**", text)


class Docstrings(griffe.Extension):
    """Rewrites each docstring when it is collected."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)

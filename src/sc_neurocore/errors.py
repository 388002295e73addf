"""The exceptions that users see.

Each message says what was given, what was expected, where, and what to do. The class decides the
exit code of the command line, so that scripts can tell a failed check from a typing mistake.
"""

from __future__ import annotations


class ScNeurocoreError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class CheckFailedError(ScNeurocoreError):
    """A check ran to its end and did not hold: a mismatch, a refuted proof, a missed fit."""


class ToolFailedError(ScNeurocoreError):
    """An external program was found, ran, and reported a failure of its own."""


class BoardError(ScNeurocoreError):
    """A board does not answer, or refuses what it was asked for."""


class UserError(ScNeurocoreError, ValueError):
    """What the user gave cannot be used as it is."""

    exit_code = 2


class EquationError(UserError):
    """An equation's text cannot be read, or names something that does not exist."""


class DescriptionError(UserError):
    """A network description is malformed, damaged, or of an unknown version."""


class DataError(UserError):
    """A data set is missing, damaged, or does not have the expected shape or range."""


class ToolMissingError(ScNeurocoreError):
    """An external program, or an optional Python package, is not installed."""

    exit_code = 3

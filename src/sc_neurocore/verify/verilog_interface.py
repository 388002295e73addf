"""What one module of a Verilog design may know of another."""

from __future__ import annotations

from dataclasses import dataclass, field

from sc_neurocore.verify.verilog_tokens import Token


@dataclass(frozen=True)
class Instance:
    """A module that stands in another.

    Attributes:
        module: What it is an instance of, as a token.
        parameters: Of each parameter that is given, "file", "real" or "value".
        ports: What each port that is named is connected to: "nothing", "input" for an input of the
            module around it, or "value".
    """

    module: Token
    parameters: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Module:
    """What other modules may know of a module.

    Attributes:
        file: Where it is.
        name: Its name, as a token.
        text: Its tokens, which tell it from others; comments and blanks are not among them.
        parameters: Name and kind of each: "parameter", "file" or "real".
        ports: Name and direction of each: "input" or "output".
        instances: What stands in it.
        guards: Modules that no design has: their instances stand under conditions that never hold.
        properties: The tokens of each block of properties.
        attributes: The attributes without a value that stand in it.
        is_trusted: Whether it is, but for comments and blanks, one of ours.
    """

    file: str
    name: Token
    text: tuple[str, ...]
    is_trusted: bool
    parameters: dict[str, str] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    guards: list[Token] = field(default_factory=list)
    properties: list[tuple[str, ...]] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)

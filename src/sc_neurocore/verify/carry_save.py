"""Products that synthesis writes as adders: shown to be the products by arithmetic.

Yosys makes of a sum of products a tree of full adders that keep their carries, and one adder behind
it. A full adder's two outputs are 2 * carry + sum = a + b + c. So the word that comes out, as the
sum of its bits in their weights, is rewritten from its end to its beginning, adder by adder, until
it is a polynomial of the bits that go in: it must be that of the product, modulo 2 ** width. No
solver is asked, and no width is too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sc_neurocore.verify.gates import Bit

SUM = "$macc_v2"
_Polynomial = dict[tuple[int, ...], int]
"""Coefficients by the bits, in order, that are multiplied; of none for the constant."""


def unproved_sums(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the sums of products that are not shown to be what their adders compute, in words.

    Args:
        before: The module while it has cells of the type `SUM`, as Yosys' `write_json` says it.
        after: The same module when these have become adders, and nothing else has changed.
    """
    place_of = {
        bit: (name, place)
        for name, net in before["netnames"].items()
        for place, bit in enumerate(net["bits"])
        if isinstance(bit, int)
    }

    def later(bit: Bit) -> Bit:
        if not isinstance(bit, int):
            return bit
        name, place = place_of[bit]
        return after["netnames"][name]["bits"][place] if name in after["netnames"] else "x"

    adders = _Adders(after, {name for name in after["cells"] if name not in before["cells"]})
    found = []
    for cell in before["cells"].values():
        if cell["type"] == SUM:
            sum_of_products = _Sum(cell, later)
            if not sum_of_products.is_computed_by(adders):
                found.append(sum_of_products.words)
    return found


def sums_of(module: Mapping[str, Any]) -> list[str]:
    """Return what is multiplied in each sum of products, in words."""
    cells = module["cells"].values()
    return [_Sum(cell, lambda bit: bit).words for cell in cells if cell["type"] == SUM]


class _Sum:
    """One sum of products and addends."""

    def __init__(self, cell: Mapping[str, Any], later: Any) -> None:
        parameters, pins = cell["parameters"], cell["connections"]
        self.output = [later(bit) for bit in pins["Y"]]
        products, addends = (_number(parameters[key]) for key in ("NPRODUCTS", "NADDENDS"))
        self.terms: list[tuple[int, list[list[Bit]], list[bool]]] = []
        self._at = dict.fromkeys("ABC", 0)

        def operand(port: str, index: int) -> tuple[list[Bit], bool]:
            width = _number(parameters[f"{port}_WIDTHS"]) >> 16 * index & 0xFFFF
            start = self._at[port]
            self._at[port] += width
            is_signed = _number(parameters[f"{port}_SIGNED"]) >> index & 1 == 1
            return [later(bit) for bit in pins[port][start : start + width]], is_signed

        for index in range(products):
            a, b = operand("A", index), operand("B", index)
            is_negated = _number(parameters["PRODUCT_NEGATED"]) >> index & 1
            self.terms.append((-1 if is_negated else 1, [a[0], b[0]], [a[1], b[1]]))
        for index in range(addends):
            c = operand("C", index)
            is_negated = _number(parameters["ADDEND_NEGATED"]) >> index & 1
            self.terms.append((-1 if is_negated else 1, [c[0]], [c[1]]))
        sizes = [" x ".join(str(len(each)) for each in words) for _, words, _ in self.terms]
        self.words = " + ".join(sizes) + " bits"

    def is_computed_by(self, adders: _Adders) -> bool:
        modulus = 1 << len(self.output)
        expected: _Polynomial = {}
        for factor, words, signs in self.terms:
            term: _Polynomial = {(): factor}
            for word, is_signed in zip(words, signs, strict=True):
                if any(bit in ("x", "z") for bit in word):
                    return False
                term = _times(term, _value(word, is_signed), modulus)
            _add(expected, term, 1, modulus)
        given = {bit for _, words, _ in self.terms for word in words for bit in word}
        found = adders.rewritten(_value(self.output, False), modulus, given)
        return found is not None and found == expected


class _Adders:
    """The cells that the sums became."""

    def __init__(self, module: Mapping[str, Any], names: set[str]) -> None:
        self._cells = {name: module["cells"][name] for name in names}
        self._driver = {
            bit: name
            for name, cell in self._cells.items()
            for pin in ("X", "Y")
            for bit in cell["connections"].get(pin, ())
            if isinstance(bit, int)
        }

    def rewritten(
        self, polynomial: _Polynomial, modulus: int, given: set[Bit]
    ) -> _Polynomial | None:
        """Return a polynomial in the given bits, which go in; None if that is not found."""
        for name in self._from_last(polynomial, given):
            cell = self._cells[name]
            step = _STEPS.get(cell["type"])
            if step is None or not step(cell, polynomial, modulus):
                return None
        return polynomial

    def _from_last(self, polynomial: _Polynomial, given: set[Bit]) -> list[str]:
        """Return the cells that the bits come from, each before those that it takes from."""
        inner = {bit: name for bit, name in self._driver.items() if bit not in given}
        order: list[str] = []
        seen: set[str] = set()
        starts = [inner[bit] for bits in polynomial for bit in bits if bit in inner]
        stack = [(name, False) for name in dict.fromkeys(starts)]
        while stack:
            name, is_done = stack.pop()
            if is_done:
                order.append(name)
                continue
            if name in seen:
                continue
            seen.add(name)
            stack.append((name, True))
            pins = self._cells[name]["connections"]
            for pin in ("A", "B", "C"):
                stack += [(inner[bit], False) for bit in pins.get(pin, ()) if bit in inner]
        return order[::-1]


def _full_adder(cell: Mapping[str, Any], polynomial: _Polynomial, modulus: int) -> bool:
    pins = cell["connections"]
    for a, b, c, carry, total in zip(*(pins[pin] for pin in "ABCXY"), strict=True):
        weight = polynomial.pop((total,), 0)
        # A carry that leaves the word is not looked at: it weighs nothing.
        if (polynomial.pop((carry,), 0) - 2 * weight) % modulus or _has(polynomial, total, carry):
            return False
        for bit in (a, b, c):
            _add(polynomial, _value([bit], False), weight, modulus)
    return True


def _adder(cell: Mapping[str, Any], polynomial: _Polynomial, modulus: int) -> bool:
    pins, parameters = cell["connections"], cell["parameters"]
    word = pins["Y"]
    weight = polynomial.get((word[0],), 0)
    for place, bit in enumerate(word):
        if (polynomial.pop((bit,), 0) - (weight << place)) % modulus:
            return False
    if (weight << len(word)) % modulus or _has(polynomial, *word):
        return False
    for pin in "AB":
        value = _value(pins[pin], _number(parameters[f"{pin}_SIGNED"]) == 1)
        _add(polynomial, value, weight, modulus)
    if cell["type"] == "$alu":
        _add(polynomial, _value(pins["CI"], False), weight, modulus)
        return list(pins["BI"]) == ["0"]
    return True


def _bitwise(cell: Mapping[str, Any], polynomial: _Polynomial, modulus: int) -> bool:
    pins = cell["connections"]
    words = [pins[pin] for pin in "AB" if pin in pins]
    if any(len(word) != len(pins["Y"]) for word in words):
        return False
    for place, result in enumerate(pins["Y"]):
        values = [_value([word[place]], False) for word in words]
        if len(values) == 1:
            value: _Polynomial = {(): 1}
            _add(value, values[0], -1, modulus)
        else:
            value = _times(values[0], values[1], modulus)
        for bits in [each for each in polynomial if result in each]:
            others = {tuple(bit for bit in bits if bit != result): polynomial.pop(bits)}
            _add(polynomial, _times(others, value, modulus), 1, modulus)
    return True


_STEPS = {
    "$fa": _full_adder,
    "$add": _adder,
    "$alu": _adder,
    "$and": _bitwise,
    "$not": _bitwise,
}


def _has(polynomial: _Polynomial, *bits: int) -> bool:
    """Tell whether a bit is multiplied with others."""
    wanted = set(bits)
    return any(not wanted.isdisjoint(each) for each in polynomial)


def _value(word: list[Bit], is_signed: bool) -> _Polynomial:
    """Return the number that a word is, lowest bit first."""
    found: _Polynomial = {}
    for place, bit in enumerate(word):
        weight = -(1 << place) if is_signed and place == len(word) - 1 else 1 << place
        if isinstance(bit, int):
            found[bit,] = found.get((bit,), 0) + weight
        elif bit == "1":
            found[()] = found.get((), 0) + weight
    return found


def _times(a: _Polynomial, b: _Polynomial, modulus: int) -> _Polynomial:
    found: _Polynomial = {}
    for left, x in a.items():
        for right, y in b.items():
            key = tuple(sorted({*left, *right}))
            found[key] = found.get(key, 0) + x * y
    return {key: weight % modulus for key, weight in found.items() if weight % modulus}


def _add(to: _Polynomial, more: _Polynomial, factor: int, modulus: int) -> None:
    for key, weight in more.items():
        total = (to.get(key, 0) + factor * weight) % modulus
        if total:
            to[key] = total
        else:
            to.pop(key, None)


def _number(text: str | int) -> int:
    return text if isinstance(text, int) else int(text.replace("x", "0") or "0", 2)

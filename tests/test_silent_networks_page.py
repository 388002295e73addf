"""The program of docs/silent-networks.md runs, and finds the layer that is dead."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "silent-networks.md"


def test_the_program_of_the_page() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(program, str(PAGE), "exec"), {})

"""Everything after training works on a machine where torch is not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "models" / "digits"

WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
from sc_neurocore.cli import main
sys.argv = ["sc-neurocore", *sys.argv[1:]]
main()
"""


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", MODEL),
        ("simulate", MODEL, "--length", 64),
        ("export", MODEL, "--to", "fixed", "--out", "exported"),
        ("compile", MODEL, "--out", "design"),
    ],
)
def test_commands_after_training(arguments: tuple[object, ...], tmp_path: Path) -> None:
    line = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_every_package_but_two_imports_without_torch() -> None:
    program = """
import sys
from importlib import import_module
from pathlib import Path
import sc_neurocore
root = Path(sc_neurocore.__file__).parent
for path in sorted(root.rglob("*.py")):
    parts = path.relative_to(root).with_suffix("").parts
    if parts[0] not in ("kernels", "training") and parts[-1] != "__main__":
        import_module(".".join(("sc_neurocore", *parts)).removesuffix(".__init__"))
assert "torch" not in sys.modules, "torch was imported"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

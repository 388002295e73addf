"""Coverage-guided fuzzing of equation text: run by the soak test, or by hand for as long as wanted.

    python tests/hdl/coverage_guided.py RUNS FOLDER

An input is a byte that chooses the format, and the text. Half of the changes are those of
`damaged`, which knows the language; the other half are libFuzzer's, with the language's words as
its dictionary. FOLDER keeps the inputs that reached something new, and one that failed.
"""

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sc_neurocore.equation", "sc_neurocore.fixed"]):
    from test_hostile_equations import FORMATS, SEEDS, WORDS, Accepted, compiled, damaged

LONGEST = 4096


def one_input(data: bytes) -> None:
    form = FORMATS[data[0] % len(FORMATS)] if data else FORMATS[0]
    text = data[1:].decode("utf-8", "replace")
    accepted.add(compiled(text, form, f"fuzzed_{accepted.count}"))
    counted[0] += 1
    if counted[0] == runs:
        accepted.finish()
        print(f"{counted[0]} inputs, {accepted.count} modules accepted by Icarus", flush=True)


def changed(data: bytes, longest: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return bytes(atheris.Mutate(data, longest))
    text = damaged(chance, data[1:].decode("utf-8", "replace"))
    return (data[:1] + text.encode("utf-8", "replace"))[:longest]


if __name__ == "__main__":
    runs, folder = int(sys.argv[1]), Path(sys.argv[2])
    modules, corpus = folder / "modules", folder / "corpus"
    modules.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(exist_ok=True)
    accepted, counted = Accepted(modules), [0]
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed_{number}").write_bytes(bytes([0]) + seed.encode())
    words = "".join(f'"{word}"\n' for word in WORDS if word.isascii() and word.isprintable()
                    and not set(word) & set('"\\'))  # fmt: skip
    (folder / "words").write_text(words)
    options = [f"-runs={runs}", f"-max_len={LONGEST}", f"-dict={folder / 'words'}", "-seed=1"]
    options += [f"-artifact_prefix={folder}/", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=changed)
    atheris.Fuzz()

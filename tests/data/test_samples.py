"""A user's own samples: what is read, how it becomes integers, and what is refused by name."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.data import find_encoding, load_digits, load_samples, random_samples
from sc_neurocore.data.arrays import read_arrays
from sc_neurocore.data.samples import Samples
from sc_neurocore.equation import LIF
from sc_neurocore.errors import DataError
from sc_neurocore.network import Dense, Flatten, InputEncoding, NetworkDescription, Population


def network(**changes: Any) -> NetworkDescription:
    """A network of four outputs; by default one frame (2, 3) of 4 bits per sample."""
    coding = {"shape": (2, 3), "bits": 4, "fraction_bits": 2} | changes
    return NetworkDescription(
        name="net",
        input=InputEncoding(**coding),
        steps=5,
        layers=[Flatten(), Dense(weight=np.ones((4, 6))), Population(neuron=LIF)],
    )


SEQUENCE = network(kind="sequence")
SIGNED = network(kind="sequence", signed=True)
SPIKES = network(kind="spikes", bits=1, fraction_bits=0)
RANDOM = np.random.default_rng(0)
WHOLE = RANDOM.integers(0, 16, (7, 5, 2, 3))


def saved(folder: Path, array: Any = None, **arrays: Any) -> Path:
    path = folder / "data"
    with path.open("wb") as file:
        np.save(file, array) if array is not None else np.savez(file, **arrays)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i8", ">u2", "f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_whole_numbers_are_integers_of_the_encoding(dtype: str, order: Any, tmp_path: Path) -> None:
    description = network(kind="sequence", fraction_bits=0)
    path = saved(tmp_path, np.asarray(WHOLE, dtype, order=order))
    samples = load_samples(path, description)
    np.testing.assert_array_equal(samples.inputs, WHOLE)
    np.testing.assert_array_equal(samples.network_inputs(), np.moveaxis(WHOLE, 1, 0))
    assert (samples.labels, samples.is_unseen, samples.largest_rounding) == (None, None, 0.0)
    flat = saved(tmp_path, np.asarray(WHOLE.reshape(7, 5, 6), dtype))
    np.testing.assert_array_equal(load_samples(flat, description).inputs, WHOLE)


def test_a_file_that_is_not_packed_stays_on_disk(tmp_path: Path) -> None:
    labels = np.arange(7) % 4
    for path in (
        saved(tmp_path, WHOLE.astype(np.uint8)),
        saved(tmp_path, inputs=WHOLE.astype(np.uint8), labels=labels),
    ):
        inputs = load_samples(path, SEQUENCE).inputs
        base: Any = inputs
        while base is not None and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)
        assert not inputs.flags.writeable


def test_packed_files_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    labels = np.array([3, 0, 1, 2, 3, 1, 1], dtype=np.uint8)
    np.savez_compressed(path, labels=labels, inputs=WHOLE)
    samples = load_samples(path, SEQUENCE)
    np.testing.assert_array_equal(samples.inputs, WHOLE)
    assert samples.labels is not None
    assert samples.labels.tolist() == labels.tolist()
    assert samples.accuracy(np.zeros(7, int)) == 1 / 7
    assert len(samples.first(3)) == 3
    assert load_samples(path, SEQUENCE).first(0).inputs.shape == WHOLE.shape
    np.savez(path, anything=WHOLE)  # the one array that there is
    np.testing.assert_array_equal(load_samples(path, SEQUENCE).inputs, WHOLE)


def test_floats_are_multiplied_by_the_scale_and_rounded(tmp_path: Path) -> None:
    values = RANDOM.uniform(-2, 1.99, (7, 5, 2, 3))
    path = saved(tmp_path, values)
    samples = load_samples(path, SIGNED, scale=0.5)  # units of 1/4
    np.testing.assert_array_equal(samples.inputs, np.rint(values * 0.5 * 4))
    assert 0 < samples.largest_rounding <= 1 / 8  # half a unit
    with pytest.raises(DataError, match="what a number 1 in them is worth"):
        load_samples(path, SIGNED)
    with pytest.raises(DataError, match=r"scale = nan: expected"):
        load_samples(path, SIGNED, scale=float("nan"))
    stated = saved(tmp_path, inputs=values, scale=np.array(0.5))
    np.testing.assert_array_equal(load_samples(stated, SIGNED).inputs, samples.inputs)


def test_the_number_one_may_be_one_unit_beyond_the_largest(tmp_path: Path) -> None:
    description = network(bits=4, fraction_bits=4)
    samples = load_samples(saved(tmp_path, np.ones((2, 6))), description, scale=1)
    assert (samples.inputs == 15).all()
    assert (samples.cut, samples.largest_rounding) == (12, 0)
    assert "12 numbers cut" in samples.line
    with pytest.raises(DataError, match=r"range from 1\.125 to 1\.125, which is 18 to 18 in units"):
        load_samples(saved(tmp_path, np.full((2, 6), 1.125)), description, scale=1)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4"])
def test_a_scale_means_the_same_for_every_type(dtype: str, tmp_path: Path) -> None:
    path = saved(tmp_path, (WHOLE > 7).astype(dtype))
    samples = load_samples(path, network(kind="sequence"), 0.5)  # two units of 1/4
    np.testing.assert_array_equal(samples.inputs, 2 * (WHOLE > 7))


@pytest.mark.parametrize("dtype", ["u1", "i8", "f4"])
def test_one_unit_beyond_the_largest_is_cut_in_every_type(dtype: str, tmp_path: Path) -> None:
    samples = load_samples(saved(tmp_path, np.full((7, 5, 6), 16, dtype)), SEQUENCE, 0.25)
    assert (samples.inputs.min(), samples.inputs.max()) == (15, 15)
    assert samples.cut == samples.inputs.size


def test_a_negative_spike_is_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the network's input has no sign"):
        load_samples(saved(tmp_path, np.full((7, 5, 6), -1, np.int8)), SPIKES, 1.0)


def test_inputs_and_events_in_one_file(tmp_path: Path) -> None:
    path = saved(tmp_path, inputs=WHOLE, events=np.zeros((1, 3), int))
    with pytest.raises(DataError, match="inputs and events: expected one of the two"):
        load_samples(path, SEQUENCE)


def test_whole_floats_are_not_taken_for_units_where_units_are_fractions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="say what a number 1"):
        load_samples(saved(tmp_path, np.ones((2, 6))), network())
    spikes = RANDOM.random((3, 5, 2, 3)) < 0.5
    for dtype in (bool, np.float32, np.int8):
        found = load_samples(saved(tmp_path, spikes.astype(dtype)), SPIKES).inputs
        np.testing.assert_array_equal(found, spikes)


@pytest.mark.parametrize(
    ("array", "description", "message"),
    [
        (WHOLE, network(), r"the network takes one frame per sample, for all its steps"),
        (WHOLE[:, 0], SEQUENCE, r"expected \(samples, 5, 2, 3\): the network takes a frame for"),
        (WHOLE[:, :3], SEQUENCE, "3 steps are there$"),
        (np.moveaxis(WHOLE, 1, 0), SEQUENCE, r"np.moveaxis\(inputs, 0, 1\) puts samples first"),
        (WHOLE[0], SEQUENCE, r"for one sample: inputs\[np.newaxis\]"),
        (WHOLE[:, :, :, :2], SEQUENCE, r"inputs of shape \(7, 5, 2, 2\): expected"),
        (WHOLE[:0], SEQUENCE, "with at least one sample"),
        (WHOLE + 1, SEQUENCE, r"expected 0 to 15 \(4 bits\)$"),
        (WHOLE - 1, SEQUENCE, "has no sign"),
        (WHOLE - 9, SIGNED, r"expected -8 to 7 \(4 bits\)$"),
        (WHOLE + np.nan, SEQUENCE, "NaN or infinity"),
        (np.array([{}]), SEQUENCE, "Python objects, which are not read"),
        (WHOLE.astype(complex), SEQUENCE, "holds complex128; expected whole numbers"),
        (np.array(["a"]), SEQUENCE, "holds <U1"),
        (np.zeros(3, [("a", "f8")]), SEQUENCE, r"holds \[\('a', '<f8'\)\]; expected whole numbers"),
    ],
)
def test_inputs_that_do_not_fit(
    array: Any, description: NetworkDescription, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_samples(saved(tmp_path, array), description)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(7, 4, dtype=int), r"one-hot labels become classes by \.argmax\(1\)"),
        (np.zeros((7, 1), dtype=int), r"\.ravel\(\) makes that of a column"),
        (np.arange(7.0), "labels of type float64: expected whole numbers"),
        (np.arange(7), "labels from 0 to 6: expected 0 to 3"),
        (np.arange(6), r"labels of shape \(6,\) for 7 samples"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_samples(saved(tmp_path, inputs=WHOLE, labels=labels), SEQUENCE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file; expected a file of np.save or np.savez"),
        (b"1,2,3\n4,5,6\n", "a text"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"\x93NUMPY\x01\x00", "damaged"),
        (b"PK\x03\x04", "damaged"),
        (b"\x80\x04", r"starts with b'\\x80\\x04'"),
    ],
)
def test_files_of_another_kind(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_samples(path, SEQUENCE)
    with pytest.raises(DataError, match="No such file"):
        load_samples(tmp_path / "none.npy", SEQUENCE)
    with pytest.raises(DataError, match="Is a directory"):
        load_samples(tmp_path, SEQUENCE)


def test_an_archive_that_lies(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, first=WHOLE, second=WHOLE)
    with pytest.raises(DataError, match=r"holds 'first', 'second', and no 'inputs'"):
        load_samples(path, SEQUENCE)
    np.savez(path, inputs=WHOLE.astype(np.uint8))
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # a number, which no header speaks of
    path.write_bytes(content)
    with pytest.raises(DataError, match="its checksum is not that of the zip file"):
        load_samples(path, SEQUENCE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="1 entries, 0 of them arrays"):
        load_samples(path, SEQUENCE)


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    path = saved(tmp_path, WHOLE)
    path.write_bytes(path.read_bytes().replace(b"(7, 5, 2, 3)", b"(9999999999,)", 1))
    with pytest.raises(DataError, match=r"damaged|cut short"):
        load_samples(path, SEQUENCE)
    path.write_bytes(b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little") + b"{" * 20_000)
    with pytest.raises(DataError, match="reading array header, expected 2147483648 bytes"):
        load_samples(path, SEQUENCE)


@pytest.mark.parametrize(
    ("array", "scale", "expected"),
    [
        (WHOLE, None, ("sequence", 4, 0, False)),
        (WHOLE[:, 0], None, ("static", 4, 0, False)),
        (WHOLE - 9, None, ("sequence", 5, 0, True)),
        (WHOLE % 2, None, ("spikes", 1, 0, False)),
        (WHOLE[:, 0] % 2, None, ("static", 1, 0, False)),
        (np.full((2, 6), 0.25), 1.0, ("static", 8, 10, False)),
        (np.linspace(-1, 1, 12).reshape(2, 6), 1.0, ("static", 8, 7, True)),
        (np.linspace(0, 255, 12).reshape(2, 6), 1 / 255, ("static", 8, 8, False)),
    ],
)
def test_an_encoding_that_holds_the_samples(
    array: Any, scale: float | None, expected: Any, tmp_path: Path
) -> None:
    path = saved(tmp_path, array)
    found = find_encoding(path, (2, 3), 5, scale)
    assert (found.kind, found.bits, found.fraction_bits, found.signed) == expected
    description = network(**found.model_dump())
    samples = load_samples(path, description, scale)
    values = samples.inputs.reshape(array.shape) * 2.0**-found.fraction_bits
    unit = 2.0**-found.fraction_bits if scale else 0
    np.testing.assert_allclose(values, array * (scale or 1), rtol=0, atol=unit)


def test_events_are_frames_of_as_many_spikes(tmp_path: Path) -> None:
    events = np.argwhere(WHOLE.reshape(7, 5, 6) > 9)  # sample, step, input
    RANDOM.shuffle(events)
    path = saved(tmp_path, events=events)
    spikes = load_samples(path, SPIKES).inputs
    np.testing.assert_array_equal(spikes, WHOLE > 9)
    assert find_encoding(path, (2, 3), 5).kind == "spikes"
    path = saved(tmp_path, events=np.concatenate([events, events[:1]]), labels=np.zeros(9, int))
    twice = load_samples(path, network(kind="sequence", bits=2, fraction_bits=0))
    assert (len(twice), int(twice.inputs.max()), int(twice.inputs[7:].max())) == (9, 2, 0)
    found = find_encoding(path, (2, 3), 5)
    assert (found.kind, found.bits) == ("sequence", 2)
    with pytest.raises(DataError, match=r"expected 0 to 1 \(1 bits\)"):
        load_samples(path, SPIKES)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([[0, 5, 0]], "an event of step 5: expected 0 to 4"),
        ([[0, 0, 6]], "an event of input 6: expected 0 to 5"),
        ([[-1, 0, 0]], "an event of sample -1"),
        (
            [[0, 0]],
            r"events of shape \(1, 2\) and type int64: expected whole",
        ),
        ([[1 << 40, 0, 0]], "at most 2147483648 numbers are made of events"),
    ],
)
def test_events_that_cannot_be(events: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_samples(saved(tmp_path, events=np.array(events)), SPIKES)


def test_random_samples_use_every_integer() -> None:
    samples = random_samples(SIGNED, 50)
    assert samples.inputs.shape == (50, 5, 2, 3)
    assert np.unique(samples.inputs).tolist() == list(range(-8, 8))
    assert samples.line == "50 random inputs, seed 0"


def test_what_is_known_of_a_data_set_is_said() -> None:
    digits = load_digits()
    assert Samples.of(digits, True).line == "digits, 1797 samples that were not trained on"
    assert "is not known" in Samples.of(digits, None).line


def test_only_the_arrays_that_are_asked_for_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path, inputs=WHOLE, other=np.array([{}]))
    assert list(read_arrays(path, ("inputs",))) == ["inputs"]


def read_damaged(count: int, first: int) -> int:
    script = Path(__file__).with_name("damaged_arrays.py")
    command = [sys.executable, str(script), str(count), str(first)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-5000:]
    (said,) = re.findall(rf"^{count} files: (\d+) read, \d+ refused$", done.stdout, re.MULTILINE)
    return int(said)


def test_two_thousand_damaged_files() -> None:
    assert 100 < read_damaged(2000, 0) < 1900


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 11))
def test_damaged_files_a_hundred_thousand_at_a_time(number: int) -> None:
    assert 5_000 < read_damaged(100_000, number * 1_000_000) < 95_000

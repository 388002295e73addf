from __future__ import annotations

import io
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.data import (
    LogMel,
    delta_events,
    hold_out,
    load_dataset,
    load_split,
    load_spoken_digits,
    split_from_metadata,
)
from sc_neurocore.data.spoken_digits import SPEAKERS, read_recordings
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.files import cache_folder
from sc_neurocore.progress import Progress


def sound(samples: np.ndarray, rate: int = 8000, channels: int = 1) -> bytes:
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(samples.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return memory.getvalue()


def pack(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


RAMP = np.arange(-5, 300, dtype=np.int16)


def test_spoken_digits_are_the_published_recordings(shared_data: Path) -> None:
    events: list[Progress] = []
    data = load_spoken_digits(progress=events.append)
    assert (data.inputs.shape, data.inputs.dtype) == ((3000, 64, 40), np.uint8)
    encoding = data.encoding
    assert (encoding.kind, encoding.shape, encoding.bits) == ("sequence", (40,), 8)
    assert data.steps == 64
    assert data.network_inputs().shape == (64, 3000, 40)
    np.testing.assert_array_equal(np.bincount(data.labels), 300)
    assert data.groups is not None
    for speaker in SPEAKERS:
        np.testing.assert_array_equal(np.bincount(data.labels[data.groups == speaker]), 50)
    assert (events[-1].done, events[-1].total) == (3000, 3000)

    # Any one recording, read by hand from the archive, is where its name says.
    archive = shared_data / "free-spoken-digit-dataset.tar.gz"
    with tarfile.open(archive) as tar:
        member = next(each for each in tar if each.name.endswith("/7_lucas_31.wav"))
        content = tar.extractfile(member)
        assert content is not None
        with wave.open(content) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    index = 2 * 500 + 7 * 50 + 31
    assert (data.groups[index], data.labels[index]) == ("lucas", 7)
    np.testing.assert_array_equal(data.inputs[index], LogMel()(samples))


def test_features_are_computed_once(shared_data: Path) -> None:
    first = load_spoken_digits(steps=5, bands=8)
    events: list[Progress] = []
    again = load_spoken_digits(steps=5, bands=8, progress=events.append)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert not events
    (path,) = cache_folder("data").glob("spoken-digits-*.npz")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])  # damaged, so computed again
    np.testing.assert_array_equal(load_spoken_digits(steps=5, bands=8).inputs, first.inputs)
    assert path.read_bytes() == content
    assert load_spoken_digits(steps=5, bands=9).shape == (9,)  # others have a file of their own
    assert len(list(path.parent.iterdir())) == 2


def test_spikes_are_the_events_of_the_currents(shared_data: Path) -> None:
    currents = load_dataset("spoken-digits", steps=12, bands=8)
    spikes = load_dataset("spoken-digits", form="spikes", steps=12, bands=8, threshold=50)
    np.testing.assert_array_equal(spikes.inputs, delta_events(currents.inputs, 50))
    encoding = spikes.encoding
    assert (encoding.kind, encoding.shape) == ("spikes", (16,))
    assert (encoding.bits, encoding.fraction_bits) == (1, 0)
    np.testing.assert_array_equal(spikes.labels, currents.labels)


def test_splits_are_fixed_and_metadata_make_them_again(shared_data: Path) -> None:
    small = {"steps": 6, "bands": 8, "bits": 4}
    speakers = load_split("spoken-digits", **small)
    assert (len(speakers.train), len(speakers.test)) == (2000, 1000)
    assert speakers.train.groups is not None and speakers.test.groups is not None
    assert set(speakers.train.groups) == {"george", "jackson", "lucas", "nicolas"}
    assert set(speakers.test.groups) == {"theo", "yweweler"}

    usual = load_split("spoken-digits", "random", **small)
    assert (len(usual.train), len(usual.test)) == (2700, 300)
    assert usual.test.groups is not None
    for speaker in SPEAKERS:
        np.testing.assert_array_equal(
            np.bincount(usual.test.labels[usual.test.groups == speaker]), 5
        )
    whole = load_dataset("spoken-digits", **small)
    np.testing.assert_array_equal(usual.test.inputs[5:10], whole.inputs[50:55])

    drawn = load_split("spoken-digits", "stratified", seed=3, test_fraction=0.1, **small)
    centred = load_split("spoken-digits", centred=True, **small)
    assert (centred.test.inputs != speakers.test.inputs).any()
    for parts in (speakers, usual, drawn, centred):
        again = split_from_metadata(parts.metadata)
        np.testing.assert_array_equal(again.test.inputs, parts.test.inputs)
        np.testing.assert_array_equal(again.train.labels, parts.train.labels)
        assert again.metadata == parts.metadata

    rest, held = hold_out(speakers.train, ["lucas"])
    assert (len(rest), len(held)) == (1500, 500)
    assert held.groups is not None and set(held.groups) == {"lucas"}


def test_an_archive_that_is_not_complete_is_refused(own_data: Path) -> None:
    pack(own_data / "free-spoken-digit-dataset.tar.gz", [("recordings/0_theo_0.wav", sound(RAMP))])
    with pytest.raises(DataError, match=r"dataset\.tar\.gz: holds 1 recordings .*expected 3000"):
        load_spoken_digits()


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="form = 'notes': expected 'currents' or 'spikes'"):
        load_spoken_digits(form="notes")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no option 'colour'; known: form, bands, steps, bits, thr"):
        load_dataset("spoken-digits", colour=1)
    with pytest.raises(DataError, match="bands = '40': expected a value like 40"):
        load_dataset("spoken-digits", bands="40")
    with pytest.raises(DataError, match="no split 'stratifed'; known: speakers, random, strat"):
        load_split("spoken-digits", "stratifed")


def test_only_recordings_are_read_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    path = pack(
        tmp_path / "a.tar.gz",
        [
            ("x/recordings/3_theo_1.wav", sound(RAMP * 3)),
            ("x/recordings/3_anna_12.wav", sound(RAMP)),
            ("x/README.md", b"text"),
            ("x/recordings/notes.wav", b"not read"),
            ("../outside.wav", b"not read"),
            ("/etc/recordings/12_theo_1.wav", b"not read"),
        ],
    )
    first, second = read_recordings(path)
    assert (first.speaker, first.digit, first.take) == ("anna", 3, 12)
    np.testing.assert_array_equal(first.samples, RAMP)
    np.testing.assert_array_equal(second.samples, RAMP * 3)
    assert sorted(tmp_path.rglob("*")) == [path, inner]


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("recordings/0_theo_0.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert read_recordings(path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFFnot a sound", "not a wav file, or cut off"),
        (b"", "not a wav file, or cut off"),
        (sound(RAMP)[:-7], r"603 bytes of sound: expected 610|not a wav file"),
        (sound(RAMP[:0]), "0 bytes of sound"),
        (sound(RAMP, rate=16000), "1 channels of 16 bits at 16000 Hz: expected 1 of 16 bits at 80"),
        (sound(np.arange(6, dtype=np.int16), channels=2), "2 channels"),
        (sound(np.arange(9, dtype=np.uint8)), "1 channels of 8 bits"),
    ],
)
def test_a_recording_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = pack(tmp_path / "a.tar.gz", [("recordings/0_theo_0.wav", content)])
    with pytest.raises(DataError, match=rf"a\.tar\.gz: recordings/0_theo_0\.wav: .*({message})"):
        read_recordings(path)


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    noise = np.random.default_rng(0).integers(-99, 99, 4000, dtype=np.int16)
    good = pack(path, [(f"recordings/0_theo_{k}.wav", sound(noise)) for k in (0, 1)]).read_bytes()
    for content in (b"", b"<html>", good[:20], good[: len(good) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tar\.gz: "):
            read_recordings(path)
    twice = [("recordings/0_theo_0.wav", sound(noise))] * 2
    with pytest.raises(DataError, match=r"holds recordings/0_theo_0\.wav twice"):
        read_recordings(pack(path, twice))
    with pytest.raises(DataError, match=r"none\.tar\.gz: No such file"):
        read_recordings(tmp_path / "none.tar.gz")

"""The boards that have a top, as data. A board of a known family is one more entry in `BOARDS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.constraints import Pin
from sc_neurocore.tools.devices import find_device
from sc_neurocore.tools.families import Family


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        key: The name that `--board` takes.
        title: The name that people know it by.
        device: Its device, a key of `tools.devices.DEVICES`.
        oscillator_mhz: The clock on the board, in MHz.
        frequency_mhz: What the core runs at if nothing else is asked for, in MHz.
        pins: Where the top's ports are: clk_pin, button, uart_rx, uart_tx (both seen from the
            device), led_ready, led_busy, and those of `held_high`.
        button_is_low: Whether the button pulls its pin down.
        leds_are_low: Whether a LED shines when its pin is low.
        held_high: Further outputs that must be high.
        programmer: The command that loads a bitstream; {bitstream} stands for the file.
        template: The top, as a template of fpga/templates.
    """

    key: str
    title: str
    device: str
    oscillator_mhz: float
    frequency_mhz: float
    pins: Mapping[str, Pin]
    button_is_low: bool
    leds_are_low: bool
    programmer: str
    held_high: tuple[str, ...] = field(default=())
    template: str = "board.v.j2"

    @property
    def family(self) -> Family:
        """Its device's family."""
        return find_device(self.device).family


BOARDS: dict[str, Board] = {
    board.key: board
    for board in (
        Board(
            key="icebreaker",
            title="1BitSquared iCEBreaker",
            device="up5k",
            oscillator_mhz=12,
            frequency_mhz=24,
            pins={
                "clk_pin": Pin("35"),
                "button": Pin("10"),
                "uart_rx": Pin("6"),
                "uart_tx": Pin("9"),
                "led_ready": Pin("37"),
                "led_busy": Pin("11"),
            },
            button_is_low=True,
            leds_are_low=True,
            programmer="iceprog {bitstream}",
        ),
        Board(
            key="ulx3s",
            title="Radiona ULX3S with an ECP5-85",
            device="ecp5-85k",
            oscillator_mhz=25,
            frequency_mhz=50,
            pins={
                "clk_pin": Pin("G2"),
                "button": Pin("R1", pull="down"),
                "uart_rx": Pin("M1", pull="up"),
                "uart_tx": Pin("L4"),
                "led_ready": Pin("B2"),
                "led_busy": Pin("C2"),
                "wifi_gpio0": Pin("L2"),
            },
            button_is_low=False,
            leds_are_low=False,
            # Low, it would have the ESP32 of the board load another bitstream.
            held_high=("wifi_gpio0",),
            programmer="openFPGALoader --board ulx3s {bitstream}",
        ),
        Board(
            key="arty-a7",
            title="Digilent Arty A7-35T",
            device="xc7a35t",
            oscillator_mhz=100,
            frequency_mhz=50,
            pins={
                "clk_pin": Pin("E3"),
                "button": Pin("C2"),
                "uart_rx": Pin("A9"),
                "uart_tx": Pin("D10"),
                "led_ready": Pin("H5"),
                "led_busy": Pin("J5"),
            },
            button_is_low=True,
            leds_are_low=False,
            programmer="openFPGALoader --board arty_a7_35t {bitstream}",
        ),
        # Its microcontroller makes the clock, and is the serial line's other end. Pins: the file
        # pico_ice.pcf of tinyVision's SDK.
        Board(
            key="pico-ice",
            title="tinyVision pico-ice",
            device="up5k",
            oscillator_mhz=12,
            frequency_mhz=24,
            pins={
                "clk_pin": Pin("35"),
                "button": Pin("10"),
                "uart_rx": Pin("27"),
                "uart_tx": Pin("25"),
                "led_ready": Pin("39"),
                "led_busy": Pin("41"),
            },
            button_is_low=True,
            leds_are_low=True,
            programmer="dfu-util -d 1209:b1c0 -a 0 -D {bitstream} --reset",
        ),
        # The module on its extension board, whose debugger is the serial line's other end. There is
        # one LED: busy is the first pin of the connector P2. Pins: LiteX-Boards, colorlight_i5.py.
        Board(
            key="colorlight-i5",
            title="Colorlight i5 7.0",
            device="ecp5-25k",
            oscillator_mhz=25,
            frequency_mhz=50,
            pins={
                "clk_pin": Pin("P3"),
                "button": Pin("K18", pull="up"),
                "uart_rx": Pin("H18", pull="up"),
                "uart_tx": Pin("J17"),
                "led_ready": Pin("U16"),
                "led_busy": Pin("C17"),
            },
            button_is_low=True,
            leds_are_low=True,
            programmer="openFPGALoader -b colorlight-i5 {bitstream}",
        ),
        # The serial line is on the pins 0 (to the FPGA) and 1 of the Feather header; the button is
        # on the bank of the memory. Pins: LiteX-Boards, gsd_orangecrab.py.
        Board(
            key="orangecrab",
            title="OrangeCrab r0.2 with an ECP5-25",
            device="ecp5-25k-mg285",
            oscillator_mhz=48,
            frequency_mhz=48,
            pins={
                "clk_pin": Pin("A9"),
                "button": Pin("J17", millivolts=1350),
                "uart_rx": Pin("N17", pull="up"),
                "uart_tx": Pin("M18"),
                "led_ready": Pin("M3"),
                "led_busy": Pin("K4"),
            },
            button_is_low=True,
            leds_are_low=True,
            programmer="openFPGALoader -b orangeCrab {bitstream}",
        ),
        # Pins of both: Sipeed's schematics, as LiteX-Boards has them (sipeed_tang_nano_20k.py and
        # sipeed_tang_nano_9k.py).
        Board(
            key="tang-nano-20k",
            title="Sipeed Tang Nano 20K",
            device="gw2ar-18",
            oscillator_mhz=27,
            frequency_mhz=54,
            pins={
                "clk_pin": Pin("4"),
                "button": Pin("88", pull="down"),
                "uart_rx": Pin("70", pull="up"),
                "uart_tx": Pin("69"),
                "led_ready": Pin("15"),
                "led_busy": Pin("16"),
            },
            button_is_low=False,
            leds_are_low=True,
            programmer="openFPGALoader -b tangnano20k {bitstream}",
        ),
        Board(
            key="tang-nano-9k",
            title="Sipeed Tang Nano 9K",
            device="gw1nr-9",
            oscillator_mhz=27,
            frequency_mhz=27,
            # LEDs and buttons are on a bank of 1.8 V.
            pins={
                "clk_pin": Pin("52"),
                "button": Pin("3", pull="up", millivolts=1800),
                "uart_rx": Pin("18", pull="up"),
                "uart_tx": Pin("17"),
                "led_ready": Pin("10", millivolts=1800),
                "led_busy": Pin("11", millivolts=1800),
            },
            button_is_low=True,
            leds_are_low=True,
            programmer="openFPGALoader -b tangnano9k {bitstream}",
        ),
    )
}


def find_board(key: str) -> Board:
    """Return the board of this name.

    Args:
        key: A name such as "icebreaker".

    Raises:
        UserError: No board has this name; the message lists those that there are.
    """
    try:
        return BOARDS[key]
    except KeyError:
        known = ", ".join(f"{each.key} ({each.title})" for each in BOARDS.values())
        raise UserError(f"unknown board {key!r}; known boards: {known}") from None

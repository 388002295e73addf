"""Devices, and the external programs: finding them, running them, the quirks of each."""

"""Synthesis, place and route, and bitstreams."""

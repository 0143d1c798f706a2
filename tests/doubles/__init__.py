"""Doubles of the programs of a Mac: they answer what was recorded, refuse the rest, and stand on real Docker engines."""

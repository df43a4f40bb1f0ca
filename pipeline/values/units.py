"""Measured values in the units of the vocabulary, from those that exports write."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from schemas.vocabulary import MetricName

_COUNT = {"count": 1.0}
_PER_MINUTE = {"count/min": 1.0, "bpm": 1.0, "count/s": 60.0, "rpm": 1.0}
_LENGTH = {
    "m": 1.0,
    "km": 1000.0,
    "cm": 0.01,
    "mm": 0.001,
    "mi": 1609.344,
    "ft": 0.3048,
    "in": 0.0254,
    "yd": 0.9144,
}
_MASS = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "oz": 0.028349523125, "st": 6.35029318}
_ENERGY = {"kcal": 1.0, "Cal": 1.0, "cal": 0.001, "kJ": 1 / 4.184, "J": 1 / 4184}
_SPEED = {"m/s": 1.0, "km/hr": 1 / 3.6, "km/h": 1 / 3.6, "mi/hr": 0.44704, "mph": 0.44704}
_TIME = {"s": 1.0, "sec": 1.0, "min": 60.0, "hr": 3600.0, "ms": 0.001}
_PRESSURE = {"mmHg": 1.0, "kPa": 7.500615613}

#: The unit of each metric of the vocabulary, and the factors from other units to it.
UNITS: Final = MappingProxyType(
    {
        MetricName.STEPS: ("count", _COUNT),
        MetricName.HEART_RATE: ("bpm", _PER_MINUTE),
        MetricName.ENERGY: ("kcal", _ENERGY),
        MetricName.DISTANCE: ("m", _LENGTH),
        MetricName.SPEED: ("m/s", _SPEED),
        MetricName.WEIGHT: ("kg", _MASS),
        MetricName.HEIGHT: ("m", _LENGTH),
        MetricName.BLOOD_PRESSURE_SYSTOLIC: ("mmHg", _PRESSURE),
        MetricName.BLOOD_PRESSURE_DIASTOLIC: ("mmHg", _PRESSURE),
        MetricName.BODY_TEMPERATURE: ("°C", {"degC": 1.0, "°C": 1.0}),
        MetricName.RESPIRATORY_RATE: ("1/min", _PER_MINUTE),
        MetricName.ACTIVE_TIME: ("s", _TIME),
        MetricName.FLOORS: ("count", _COUNT),
        MetricName.POWER: ("W", {"W": 1.0}),
        MetricName.CADENCE: ("1/min", _PER_MINUTE),
    }
)


def converted(name: MetricName, value: float, unit: str) -> tuple[float, str] | None:
    """Return the value in the vocabulary's unit, and that unit; None for an unknown unit."""
    if name is MetricName.BODY_TEMPERATURE and unit in ("degF", "°F"):
        return round((value - 32) / 1.8, 6), "°C"
    unit_of_metric, known = UNITS[name]
    if unit == unit_of_metric:
        return value, unit_of_metric
    factor = known.get(unit)
    return (round(value * factor, 9), unit_of_metric) if factor is not None else None


def metres(value: float, unit: str) -> float | None:
    """Return a length in metres; None for an unknown unit."""
    return round(value * _LENGTH[unit], 9) if unit in _LENGTH else None


def seconds(value: float, unit: str) -> float | None:
    """Return a duration in seconds; None for an unknown unit."""
    return round(value * _TIME[unit], 9) if unit in _TIME else None

"""Follow a tensor's shape through any nn.Module; say where it stops fitting, why, and what to change."""

from helpers.trace.diagnosis import KINDS, Problem
from helpers.trace.explained import explained
from helpers.trace.table import Row, Trace, trace

__all__ = ["KINDS", "Problem", "Row", "Trace", "explained", "trace"]

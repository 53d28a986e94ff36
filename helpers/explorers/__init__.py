"""Sliders with a picture that follows them, one explorer a file. None of them loads torch until asked for a layer."""

from helpers.explorers.convolution import ConvolutionExplorer
from helpers.explorers.live_text import LiveText

__all__ = ["ConvolutionExplorer", "LiveText"]

"""Sliders with a picture that follows them, one explorer a file. None of them loads torch until asked for a layer."""

from helpers.explorers.channels import ChannelsExplorer
from helpers.explorers.convolution import ConvolutionExplorer
from helpers.explorers.filter import FilterExplorer
from helpers.explorers.flatten import FlattenExplorer
from helpers.explorers.model import ModelExplorer
from helpers.explorers.network import NetworkExplorer
from helpers.explorers.pooling import PoolingExplorer
from helpers.explorers.training import TrainingExplorer

__all__ = [
    "ChannelsExplorer",
    "ConvolutionExplorer",
    "FilterExplorer",
    "FlattenExplorer",
    "ModelExplorer",
    "NetworkExplorer",
    "PoolingExplorer",
    "TrainingExplorer",
]

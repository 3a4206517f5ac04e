"""Walks one packet through namespaces on paper, and says hop by hop what happens and which entry decided."""

from meshnet.predict.prediction import Prediction, ServerChoice, predict, ways

__all__ = ["Prediction", "ServerChoice", "predict", "ways"]

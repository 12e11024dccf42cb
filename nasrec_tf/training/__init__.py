"""Training, evaluation and scoring of networks, on one device or several."""

"""Co-design of models and processing-in-memory hardware (paper 3.2, 3.3, 5.1 and 5.2)."""

"""Keras layers: embedding tables, and operators with weights of their own or shared ones."""

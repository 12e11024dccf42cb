"""What a model is: blocks, liveness, identity, search space, shapes, complexity, presets."""

"""Labelled pictures of synthetic people: rendered from CC0 bodies, clothes and captured motion.

A picture is a pure function of the seed and its number. `Studio` holds what all generators share;
`Crops`, `Scenes` and `Sequences` make pictures, `output.write` writes folders of them.
"""

"""Panels that read other panels while they are drawn, so that characters stay the same."""

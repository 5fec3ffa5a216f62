"""Drawing: the stage, the painter, the denoiser, batches, devices, anchors."""

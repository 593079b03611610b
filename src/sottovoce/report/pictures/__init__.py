"""Pictures of a report.

layer_picture      `layers_svg`, `layers_png`: what remains of each layer
training_curves    `plots_of_run`: losses, sparsity and scores over the steps of a run
det_curves         `det_picture`: misses against false alarms
speaker_timeline   `draw_timeline`: who speaks when
"""

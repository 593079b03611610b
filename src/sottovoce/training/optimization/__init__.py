"""From gradients to weights: learning rates, the optimizer, and what happens to gradients before its step.

`schedules`           learning rates by step
`optimizers`          AdamW, Adam
`clipping`            gradients clipped at a fixed norm, or at a percentile of recent norms
`front_end_gradient`  the convolutions whose gradients can have a factor of their own
`loss_scaling`        steps that are skipped in half precision
"""

"""Time, memory, size and arithmetic of networks, measured. Nothing in this folder prints; `sottovoce.report` does.

benchmark         `bench`: a saved model in turn with another; `measure`: networks in memory; `Benchmark`, the results
profiled_model    `ProfiledModel`: a network with the input it runs on
timing            `alternate`: wall time of computations in turn; `Spread`: median, smallest and largest
memory            `peak_bytes`, `peak_resident_bytes`: what a computation needs; `tensor_bytes`: what a network holds
environment       `describe_environment`: processor, threads and versions, without which a number means nothing
published         `published_models`: networks with the widths of published slim models and random weights
"""

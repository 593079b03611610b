"""A package of somebody else: each module adds one thing to sottovoce through one entry point.

murmur          an encoder family
lobes           a kind of unit, and the module that has such units
lobed_pooling   a pooling head with options
plain_mean      a head that a portable copy can carry
accent          a task
halve           a stage that shrinks a network
ledger          a layout of corpora
colors          a synthetic corpus
broken          nothing: it cannot be imported, and no other module may suffer from that
"""

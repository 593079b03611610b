"""Tables for the terminal, drawn with Rich.

networks         `network_table`: a network as bars, layer by layer
benchmarks       `bench_table`: time and memory of several networks
outcomes         `outcome_table`: the dense and the slim model of a run
probes           `probe_table`: the probes of several encoders
corpora          `corpus_table`: hours, speakers and labels of a corpus
thresholds       `threshold_table`: error rates of diarization at each clustering threshold
recipe_catalog   `recipes_table`: the recipes that come with sottovoce
recipe_checks    `check_table`: what the check of a recipe measured
"""

"""Formats of checkpoint files, and the parts that they share.

`stock`              stock Transformers checkpoints: the encoder inside
`task_heads`         the heads of stock classes
`tokenizer`          the vocabulary of a stock recognizer
`preprocessor`       whether a stock checkpoint wants normalized waveforms
`original_wavlm`     Microsoft's own WavLM files
`dphubert_diarizen`  pruned encoders of DPHuBERT and DiariZen
`tensors`            reading files that ``torch.save`` wrote
`weight_norm`        weight norm folded into plain weights, and back
"""

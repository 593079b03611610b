"""Whole models as their authors released them: encoder, head and settings, one file for each system.

`known`         which of them a file or folder is
`whole_model`   what a reader returns
`aasist`        AASIST and AASIST-L on the waveform
`aasist_names`  the names of their tensors
`wedefense`     detectors of WeDefense
`wedefense_back_ends`   their back ends as heads of ours
`espnet`        speaker models of ESPnet-SPK
`espnet_heads`  their encoders, poolings and projectors as heads of ours
`s3prl_upstream`   encoders from s3prl inside such models
`w2v_bert_sv`   speaker models of w2v-BERT-2.0_SV
`lora`          LoRA merged into the layers that it changes
`foreign_yaml`  configs of other programs
`diarizen`      diarization models of DiariZen
`diarizen_encoders`     the widths of their encoders
`speakers/`     speaker models on a filterbank: wespeaker's, and pyannote's packages of them
"""

"""Sizes, seeds and settings of nano; every other file of the recipe reads them from here."""

SLIDING, FULL = "sliding_attention", "full_attention"
SEED = 20261124

VOCAB = 3072
HIDDEN, FFN, HEADS = 512, 1024, 4
LAYERS = (SLIDING, SLIDING, SLIDING, FULL) * 2
HEAD_DIM = {SLIDING: 128, FULL: 256}
KV_HEADS = {SLIDING: 2, FULL: 1}
WINDOW = 128
CONTEXT = 8192
SOFTCAP = 30.0
EPS = 1e-6
ROPE = {
    FULL: {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
    SLIDING: {"rope_theta": 10000.0, "rope_type": "default"},
}

ASSISTANT_HIDDEN, ASSISTANT_FFN = 128, 512
ASSISTANT_LAYERS = (SLIDING, SLIDING, SLIDING, FULL)
STEP_WEIGHTS = (1.0, 0.9, 0.8, 0.7)  # of the drafter's unrolled steps in its loss
DRAFTS = 3

ROW, LONG_ROW = 1024, 8192
BATCH_ROWS, BATCH_LONG_ROWS = 64, 8
ASSISTANT_BATCH_ROWS = 32
PROMPT_WEIGHT_TENTHS = 1  # loss weight of text that the model does not write, in tenths

MATRIX_RATE, VECTOR_RATE = 0.02, 0.003
ASSISTANT_RATE = 0.002
WARM_UP, QUANTISED_FROM = 0.02, 0.7  # shares of the training time
GRADIENT_LIMIT = 1.0
PART_BYTES = 16_000_000


def _text_config(layers):
    return {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "attention_k_eq_v": True,
        "bos_token_id": 2,
        "enable_moe_block": False,
        "eos_token_id": 1,
        "global_head_dim": HEAD_DIM[FULL],
        "head_dim": HEAD_DIM[SLIDING],
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size_per_layer_input": 0,
        "layer_types": list(layers),
        "max_position_embeddings": CONTEXT,
        "num_attention_heads": HEADS,
        "num_global_key_value_heads": KV_HEADS[FULL],
        "num_hidden_layers": len(layers),
        "num_key_value_heads": KV_HEADS[SLIDING],
        "pad_token_id": 0,
        "rms_norm_eps": EPS,
        "rope_parameters": {kind: dict(values) for kind, values in ROPE.items()},
        "sliding_window": WINDOW,
        "tie_word_embeddings": True,
        "use_bidirectional_attention": None,
        "use_cache": True,
        "use_double_wide_mlp": False,
        "vocab_size": VOCAB,
    }


def target_config():
    return _text_config(LAYERS) | {
        "final_logit_softcapping": SOFTCAP,
        "hidden_size": HIDDEN,
        "intermediate_size": FFN,
        "num_kv_shared_layers": 0,
        "vocab_size_per_layer_input": VOCAB,
    }


def assistant_config():
    text = _text_config(ASSISTANT_LAYERS) | {
        "final_logit_softcapping": None,
        "hidden_size": ASSISTANT_HIDDEN,
        "intermediate_size": ASSISTANT_FFN,
        "num_kv_shared_layers": len(ASSISTANT_LAYERS),
        "vocab_size_per_layer_input": 0,
    }
    return {
        "backbone_hidden_size": HIDDEN,
        "text_config": text,
        "tie_word_embeddings": True,
        "use_ordered_embeddings": False,
    }

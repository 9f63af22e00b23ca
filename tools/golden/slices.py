"""The slices: released models cut to a few layers and a small vocabulary, every width real.

Plain Python. From one table come the transformers configurations, the tensor list with both names
of each tensor, and the GGUF descriptions (target.json, assistant.json) for `outrider synth --spec`.
"""

from dataclasses import dataclass, replace

from random_weights import permuted_id, role_of

VOCAB = 2048
SLIDING, FULL = "sliding_attention", "full_attention"
HEAD_DIM = {SLIDING: 256, FULL: 512}
ROTATED_PAIRS = 64  # of the 256 pairs of a 512-wide head: partial_rotary_factor 0.25
SEED_TARGET, SEED_ASSISTANT = 1, 2
ROPE = {
    FULL: {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"},
    SLIDING: {"rope_theta": 10000.0, "rope_type": "default"},
}


@dataclass(frozen=True)
class Slice:
    name: str
    hidden: int
    heads: int
    kv_heads: tuple  # (sliding, full)
    ffn: int
    layers: tuple
    window: int
    prompt: int
    context: int
    drafter_hidden: int
    drafter_ffn: int
    drafter_heads: int
    k_eq_v: bool = False
    shared: int = 0  # last layers that read an earlier layer's KV
    double_wide: bool = False  # of the shared layers' FFN
    ple: int = 0  # per-layer embedding width
    experts: int = 0
    experts_used: int = 0
    expert_ffn: int = 0
    centroids: int = 0
    centroids_used: int = 0
    seed: int = SEED_TARGET

    def kv_heads_of(self, layer_type):
        return self.kv_heads[layer_type == FULL]

    def owns_kv(self, layer):
        return layer < len(self.layers) - self.shared

    def ffn_of(self, layer):
        return self.ffn * (2 if self.double_wide and not self.owns_kv(layer) else 1)


_26B = Slice(
    name="26b-a4b", hidden=2816, heads=16, kv_heads=(8, 2), ffn=2112, layers=(SLIDING, FULL),
    window=1024, prompt=1100, context=262144, drafter_hidden=1024, drafter_ffn=8192,
    drafter_heads=16, k_eq_v=True, experts=128, experts_used=8, expert_ffn=704,
)  # fmt: skip
SLICES = [
    Slice(
        name="e2b", hidden=1536, heads=8, kv_heads=(1, 1), ffn=6144,
        layers=(SLIDING, FULL, SLIDING, FULL), window=512, prompt=600, context=131072,
        drafter_hidden=256, drafter_ffn=2048, drafter_heads=4, shared=2, double_wide=True, ple=256,
        centroids=64, centroids_used=8,
    ),
    Slice(
        name="12b", hidden=3840, heads=16, kv_heads=(8, 1), ffn=15360,
        layers=(SLIDING, SLIDING, FULL), window=1024, prompt=1100, context=262144,
        drafter_hidden=1024, drafter_ffn=8192, drafter_heads=16, k_eq_v=True,
    ),
    replace(_26B, name="26b-a4b-small", experts=16, experts_used=4, seed=11),
    _26B,
]  # fmt: skip
DRAFTER_LAYERS = (SLIDING, SLIDING, SLIDING, FULL)


def slice_named(name):
    return next(s for s in SLICES if s.name == name)


# --- transformers configurations ---


def _text_config(s, layers):
    return {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "attention_k_eq_v": s.k_eq_v,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "global_head_dim": HEAD_DIM[FULL],
        "head_dim": HEAD_DIM[SLIDING],
        "hidden_activation": "gelu_pytorch_tanh",
        "layer_types": list(layers),
        "max_position_embeddings": s.context,
        "num_global_key_value_heads": s.kv_heads[1] if s.k_eq_v else None,
        "num_hidden_layers": len(layers),
        "num_key_value_heads": s.kv_heads[0],
        "rms_norm_eps": 1e-06,
        "rope_parameters": {kind: dict(values) for kind, values in ROPE.items()},
        "sliding_window": s.window,
        "tie_word_embeddings": True,
        "use_bidirectional_attention": None,
        "use_cache": True,
        "vocab_size": VOCAB,
    }


def target_config(s):
    moe = s.experts > 0
    return _text_config(s, s.layers) | {
        "enable_moe_block": moe,
        "final_logit_softcapping": 30.0,
        "hidden_size": s.hidden,
        "hidden_size_per_layer_input": s.ple,
        "intermediate_size": s.ffn,
        "moe_intermediate_size": s.expert_ffn if moe else None,
        "num_attention_heads": s.heads,
        "num_experts": s.experts if moe else None,
        "num_kv_shared_layers": s.shared,
        "top_k_experts": s.experts_used if moe else None,
        "use_double_wide_mlp": s.double_wide,
        "vocab_size_per_layer_input": VOCAB,
    }


def assistant_config(s):
    text = _text_config(s, DRAFTER_LAYERS) | {
        "enable_moe_block": False,
        "final_logit_softcapping": None,
        "hidden_size": s.drafter_hidden,
        "hidden_size_per_layer_input": 0,
        "intermediate_size": s.drafter_ffn,
        "num_attention_heads": s.drafter_heads,
        "num_kv_shared_layers": len(DRAFTER_LAYERS),
        "use_double_wide_mlp": False,
        "vocab_size_per_layer_input": 0,
    }
    config = {"backbone_hidden_size": s.hidden, "text_config": text, "tie_word_embeddings": True}
    config["use_ordered_embeddings"] = s.centroids > 0
    if s.centroids:
        config |= {"num_centroids": s.centroids, "centroid_intermediate_top_k": s.centroids_used}
    return config


# --- tensors: (GGUF name, transformers name, shape as transformers has it) ---


def _common_layer(prefix, d, query, head_dim, ffn):
    gguf, hf = f"blk.{prefix}.", f"model.layers.{prefix}."
    return [
        (gguf + "attn_norm.weight", hf + "input_layernorm.weight", [d]),
        (gguf + "attn_q.weight", hf + "self_attn.q_proj.weight", [query, d]),
        (gguf + "attn_q_norm.weight", hf + "self_attn.q_norm.weight", [head_dim]),
        (gguf + "attn_output.weight", hf + "self_attn.o_proj.weight", [d, query]),
        (gguf + "post_attention_norm.weight", hf + "post_attention_layernorm.weight", [d]),
        (gguf + "ffn_norm.weight", hf + "pre_feedforward_layernorm.weight", [d]),
        (gguf + "ffn_gate.weight", hf + "mlp.gate_proj.weight", [ffn, d]),
        (gguf + "ffn_up.weight", hf + "mlp.up_proj.weight", [ffn, d]),
        (gguf + "ffn_down.weight", hf + "mlp.down_proj.weight", [d, ffn]),
        (gguf + "post_ffw_norm.weight", hf + "post_feedforward_layernorm.weight", [d]),
        (gguf + "layer_output_scale.weight", hf + "layer_scalar", [1]),
    ]


def _kv(s, layer):
    kind = s.layers[layer]
    head_dim, rows = HEAD_DIM[kind], s.kv_heads_of(kind) * HEAD_DIM[kind]
    gguf, hf = f"blk.{layer}.", f"model.layers.{layer}.self_attn."
    tensors = [
        (gguf + "attn_k.weight", hf + "k_proj.weight", [rows, s.hidden]),
        (gguf + "attn_k_norm.weight", hf + "k_norm.weight", [head_dim]),
    ]
    if not (s.k_eq_v and kind == FULL):
        tensors.append((gguf + "attn_v.weight", hf + "v_proj.weight", [rows, s.hidden]))
    return tensors


def _experts(s, layer):
    gguf, hf, d, e = f"blk.{layer}.", f"model.layers.{layer}.", s.hidden, s.experts
    return [
        (gguf + "ffn_gate_inp.weight", hf + "router.proj.weight", [e, d]),
        (gguf + "ffn_gate_inp.scale", hf + "router.scale", [d]),
        (gguf + "ffn_gate_up_exps.weight", hf + "experts.gate_up_proj", [e, 2 * s.expert_ffn, d]),
        (gguf + "ffn_down_exps.weight", hf + "experts.down_proj", [e, d, s.expert_ffn]),
        (gguf + "ffn_down_exps.scale", hf + "router.per_expert_scale", [e]),
        (gguf + "pre_ffw_norm_2.weight", hf + "pre_feedforward_layernorm_2.weight", [d]),
        (gguf + "post_ffw_norm_1.weight", hf + "post_feedforward_layernorm_1.weight", [d]),
        (gguf + "post_ffw_norm_2.weight", hf + "post_feedforward_layernorm_2.weight", [d]),
    ]


def _per_layer_input(s, layer):
    gguf, hf = f"blk.{layer}.", f"model.layers.{layer}."
    return [
        (gguf + "inp_gate.weight", hf + "per_layer_input_gate.weight", [s.ple, s.hidden]),
        (gguf + "proj.weight", hf + "per_layer_projection.weight", [s.hidden, s.ple]),
        (gguf + "post_norm.weight", hf + "post_per_layer_input_norm.weight", [s.hidden]),
    ]


def target_tensors(s):
    d, width = s.hidden, len(s.layers) * s.ple
    tensors = [
        ("token_embd.weight", "model.embed_tokens.weight", [VOCAB, d]),
        ("output_norm.weight", "model.norm.weight", [d]),
    ]
    if s.ple:
        tensors += [
            ("per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight", [VOCAB, width]),
            ("per_layer_model_proj.weight", "model.per_layer_model_projection.weight", [width, d]),
            ("per_layer_proj_norm.weight", "model.per_layer_projection_norm.weight", [s.ple]),
        ]
    for layer, kind in enumerate(s.layers):
        head_dim = HEAD_DIM[kind]
        tensors += _common_layer(layer, d, s.heads * head_dim, head_dim, s.ffn_of(layer))
        tensors += _kv(s, layer) if s.owns_kv(layer) else []
        tensors += _experts(s, layer) if s.experts else []
        tensors += _per_layer_input(s, layer) if s.ple else []
    return tensors


def assistant_tensors(s):
    d, target = s.drafter_hidden, s.hidden
    tensors = [
        ("token_embd.weight", "model.embed_tokens.weight", [VOCAB, d]),
        ("output_norm.weight", "model.norm.weight", [d]),
        ("nextn.pre_projection.weight", "pre_projection.weight", [d, 2 * target]),
        ("nextn.post_projection.weight", "post_projection.weight", [target, d]),
    ]
    if s.centroids:
        centroids = "masked_embedding.centroids.weight"
        tensors.append(("masked_embd_centroids.weight", centroids, [s.centroids, d]))
    for layer, kind in enumerate(DRAFTER_LAYERS):
        head_dim = HEAD_DIM[kind]
        tensors += _common_layer(layer, d, s.drafter_heads * head_dim, head_dim, s.drafter_ffn)
    return tensors


def token_ordering():
    """masked_embedding.token_ordering: cluster by cluster, the ids each holds."""
    return [permuted_id(index, VOCAB) for index in range(VOCAB)]


# --- GGUF descriptions ---


def _per_layer(values):
    """One number when all layers agree, as converters write it, else one per layer."""
    return values[0] if len(set(values)) == 1 else values


def _metadata(arch, s, layers, values):
    sizes = {
        "block_count": len(layers),
        "context_length": s.context,
        "embedding_length": values["hidden"],
        "feed_forward_length": _per_layer(values["ffn"]),
        "attention.head_count": values["heads"],
        "attention.head_count_kv": _per_layer([s.kv_heads_of(kind) for kind in layers]),
        "attention.key_length": HEAD_DIM[FULL],
        "attention.value_length": HEAD_DIM[FULL],
        "attention.key_length_swa": HEAD_DIM[SLIDING],
        "attention.value_length_swa": HEAD_DIM[SLIDING],
        "attention.layer_norm_rms_epsilon": 1e-06,
        "attention.sliding_window": s.window,
        "attention.sliding_window_pattern": [kind == SLIDING for kind in layers],
        "attention.shared_kv_layers": values["shared"],
        "embedding_length_per_layer_input": values["ple"],
        "rope.freq_base": ROPE[FULL]["rope_theta"],
        "rope.freq_base_swa": ROPE[SLIDING]["rope_theta"],
        "rope.dimension_count": HEAD_DIM[FULL],
        "rope.dimension_count_swa": HEAD_DIM[SLIDING],
    }
    general = {"general.architecture": arch, "general.name": values["name"], "general.file_type": 0}
    return general | {f"{arch}.{key}": value for key, value in sizes.items()}


def _spec(metadata, seed, tensors, computed):
    drawn = []
    for gguf_name, _, shape in tensors:
        mean, std = role_of(gguf_name, shape[-1])
        drawn.append([gguf_name, "F32", shape[::-1], mean, std])
    frequencies = {"name": "rope_freqs.weight", "type": "F32", "shape": [HEAD_DIM[FULL] // 2]}
    frequencies |= {"fill": "rope_freqs", "rotated": ROTATED_PAIRS}
    computed = [frequencies] + computed
    return {"metadata": metadata, "seed": seed, "tensors": drawn, "computed": computed}


def target_spec(s):
    ffn = [s.ffn_of(layer) for layer in range(len(s.layers))]
    values = {"name": f"slice {s.name}", "hidden": s.hidden, "ffn": ffn, "heads": s.heads}
    values |= {"shared": s.shared, "ple": s.ple}
    metadata = _metadata("gemma4", s, s.layers, values) | {"gemma4.final_logit_softcapping": 30.0}
    if s.experts:
        metadata["gemma4.expert_count"] = s.experts
        metadata["gemma4.expert_used_count"] = s.experts_used
        metadata["gemma4.expert_feed_forward_length"] = s.expert_ffn
    return _spec(metadata, s.seed, target_tensors(s), [])


def assistant_seed(s):
    return s.seed + SEED_ASSISTANT - SEED_TARGET


def assistant_spec(s):
    layers = len(DRAFTER_LAYERS)
    values = {"name": f"slice {s.name} assistant", "hidden": s.drafter_hidden}
    values |= {"ffn": [s.drafter_ffn], "heads": s.drafter_heads, "shared": layers, "ple": 0}
    metadata = _metadata("gemma4-assistant", s, DRAFTER_LAYERS, values)
    metadata["gemma4-assistant.embedding_length_out"] = s.hidden
    metadata["gemma4-assistant.nextn_predict_layers"] = layers
    computed = []
    if s.centroids:
        metadata["gemma4-assistant.use_ordered_embeddings"] = True
        metadata["gemma4-assistant.n_centroids"] = s.centroids
        metadata["gemma4-assistant.centroid_top_k"] = s.centroids_used
        ordering = {"name": "masked_embd_ordering", "type": "I32", "shape": [VOCAB]}
        computed = [ordering | {"fill": "permuted_id"}]
    return _spec(metadata, assistant_seed(s), assistant_tensors(s), computed)


# --- which rows are kept ---


def rows_kept(s):
    """Prompt positions that are stored: the first, page borders, the window's edge, the last."""
    near = [0, 1, 2, 31, 63, 64, 65, 255, 256]
    edge = [s.window - 2, s.window - 1, s.window, s.window + 1, s.window + 2, s.window + 33]
    return sorted(set(near + edge + list(range(s.prompt - 8, s.prompt))))

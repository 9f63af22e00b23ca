// What Gemma 4's tensors are called in Hugging Face checkpoints and in GGUF files.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace outrider {

// The GGUF name of a checkpoint's tensor; nothing for those that have no place in a text model.
std::optional<std::string> gguf_tensor_name(std::string_view checkpoint_name);

// True for tensors that a text model leaves out on purpose: the encoders of images and sound, and
// tables that follow from the configuration.
bool is_left_out(std::string_view checkpoint_name);

}  // namespace outrider

// A stand-in for Gemma 4's tokenizer, for models of random weights.
#pragma once
#include <string>

#include "text/vocabulary.h"

namespace outrider {

// 262144 tokens: special and byte tokens, newline and space runs and a few words are where the
// real vocabulary has them; the rest are made-up words. Merges reach every token, so any text can
// be encoded, and all readers of Gemma 4's tokenizer accept it.
Vocabulary synth_vocabulary();

// A minimal chat template of either family. `large` models start an answer with a closed thought.
std::string synth_chat_template(bool large);

}  // namespace outrider

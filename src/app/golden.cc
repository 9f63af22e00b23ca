#include "app/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/generation.h"

namespace outrider {
namespace {

// The tensors of one file; the first that is missing or of the wrong shape ends the reading.
class GoldenReader {
 public:
  explicit GoldenReader(const SafetensorsFile& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  GoldenTensor floats(const std::string& name) {
    GoldenTensor tensor;
    const SafetensorsTensor* stored = find(name);
    if (stored == nullptr) return tensor;
    auto values = read_floats(*stored);
    if (!values) {
      error_ = values.error();
      return tensor;
    }
    for (const auto extent : stored->shape)
      tensor.extent.push_back(static_cast<std::uint32_t>(extent));
    tensor.values = std::move(*values);
    return tensor;
  }
  std::vector<std::uint32_t> ids(const std::string& name) {
    const SafetensorsTensor* stored = find(name);
    if (stored == nullptr) return {};
    auto values = read_integers(*stored);
    if (!values) {
      error_ = values.error();
      return {};
    }
    std::vector<std::uint32_t> ids;
    for (const auto value : *values) ids.push_back(static_cast<std::uint32_t>(value));
    return ids;
  }
  void expect(bool holds, const std::string& name, const char* expected) {
    if (!holds && !error_) {
      error_ = Error{ErrorCode::kBadModelFile,
                     fmt::format("{}: tensor {} is not {}", file_.path(), name, expected)};
    }
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const SafetensorsTensor* find(const std::string& name) {
    const SafetensorsTensor* stored = file_.find(name);
    if (stored == nullptr && !error_) {
      error_ = Error{ErrorCode::kBadModelFile,
                     fmt::format("{}: tensor {} is missing", file_.path(), name)};
    }
    return stored;
  }
  const SafetensorsFile& file_;
  std::optional<Error> error_;
};

// |a - b| / |b|, summed in double over as many rows as are given.
class RelativeError {
 public:
  void add(std::span<const float> ours, std::span<const float> reference) {
    require(ours.size() == reference.size(), "rows compared are of one width");
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double difference = static_cast<double>(ours[i]) - static_cast<double>(reference[i]);
      difference_ += difference * difference;
      reference_ += static_cast<double>(reference[i]) * static_cast<double>(reference[i]);
    }
  }
  double value() const {
    return reference_ > 0 ? std::sqrt(difference_ / reference_) : std::sqrt(difference_);
  }

 private:
  double difference_ = 0, reference_ = 0;
};

std::span<const float> row_of(const GoldenTensor& tensor, std::size_t row) {
  const std::size_t width = tensor.extent.back();
  return std::span(tensor.values).subspan(row * width, width);
}

// One comparison in progress.
class Comparison {
 public:
  Comparison(Runtime& runtime, const Golden& golden) : runtime_(runtime), golden_(golden) {}

  Result<GoldenReport> run(std::uint32_t chunk_rows) {
    const auto sequence = runtime_.pool().open();
    auto judged = prompt(*sequence, chunk_rows);
    if (!judged) return judged.error();
    if (runtime_.drafter() != nullptr && !golden_.draft_tokens.empty()) {
      if (auto drafted = draft_chained(*judged); !drafted) return drafted.error();
    }
    const TokenId first = judged->next;
    if (auto drafted = draft_alone(chunk_rows); !drafted) return drafted.error();
    if (auto decoded = decode(*sequence, first); !decoded) return decoded.error();
    report_.logits = logits_.value();
    report_.hidden = hidden_.value();
    for (std::size_t group = 0; group < kKvGroups; ++group) {
      report_.keys[group] = keys_[group].value();
      report_.values[group] = values_[group].value();
    }
    return report_;
  }

 private:
  // Every prompt row as a draft that is accepted whatever the model says: its logits are wanted all
  // the same.
  Result<Judgement> prompt(Sequence& sequence, std::uint32_t chunk_rows) {
    std::vector<TokenId> tokens;
    for (const std::uint32_t id : golden_.input_ids) tokens.push_back(TokenId(id));
    std::optional<Judgement> judged;
    for (std::size_t at = 0; at < tokens.size(); at += chunk_rows) {
      const auto chunk =
          std::span(tokens).subspan(at, std::min<std::size_t>(chunk_rows, tokens.size() - at));
      auto room = runtime_.pool().append(sequence, static_cast<std::uint32_t>(chunk.size()));
      if (!room) return room.error();
      TargetBatch batch = runtime_.next_batch();
      Pending pending = batch.add(std::move(*room), chunk.first(1), chunk.subspan(1));
      auto output = runtime_.run(batch);
      if (!output) return output.error();
      compare_rows(*output, at);
      std::vector<TokenId> picks(chunk.begin() + 1, chunk.end());
      picks.push_back(most_likely(output->logits[chunk.size() - 1]));
      judged.emplace(std::move(pending).judge(Picks(output->step, std::move(picks))));
      compare_kv(sequence, at);
    }
    return *judged;
  }

  // Rows of the reference whose prompt position is in [from, from + count).
  template <class Use>
  void for_each_reference(std::size_t from, std::size_t count, Use&& use) const {
    for (std::size_t row = 0; row < golden_.row_index.size(); ++row) {
      const std::size_t pos = golden_.row_index[row];
      if (pos >= from && pos < from + count) use(row, pos);
    }
  }

  void compare_rows(const TargetOutput& output, std::size_t from) {
    if (!comparing_) return;
    for_each_reference(from, output.logits.extent(0), [&](std::size_t row, std::size_t pos) {
      logits_.add(output.logits[pos - from], row_of(golden_.logits, row));
      hidden_.add(output.hidden[pos - from], row_of(golden_.hidden, row));
    });
  }

  void compare_kv(const Sequence& sequence, std::size_t from) {
    if (!comparing_) return;
    for (const bool sliding : {false, true}) {
      const auto group = static_cast<std::size_t>(sliding ? KvGroup::kSliding : KvGroup::kGlobal);
      const auto layer = last_kv_layer(sliding);
      if (!layer || golden_.keys[group].values.empty()) continue;
      for_each_reference(from, sequence.length() - from, [&](std::size_t row, std::size_t pos) {
        const Pos at(static_cast<std::uint32_t>(pos));
        compare_kv_row(sequence, *layer, row, at, group);
      });
    }
  }

  void compare_kv_row(const Sequence& sequence, KvLayerId layer, std::size_t row, Pos pos,
                      std::size_t group) {
    const GoldenTensor& keys = golden_.keys[group];
    std::vector<float> ours(keys.extent.back());
    for (std::uint32_t head = 0; head < keys.extent[0]; ++head) {
      const std::size_t at = std::size_t{head} * keys.extent[1] + row;
      runtime_.backend().read_kv(sequence.view(), layer, head, KvSide::kKey, pos, ours);
      keys_[group].add(ours, row_of(keys, at));
      runtime_.backend().read_kv(sequence.view(), layer, head, KvSide::kValue, pos, ours);
      values_[group].add(ours, row_of(golden_.values[group], at));
    }
  }

  Result<void> draft_chained(Judgement judged) {
    judged.next = TokenId(golden_.first_token);
    DraftBatch batch;
    batch.add(judged);
    RelativeError logits, hidden;
    for (std::size_t step = 0; step < golden_.draft_tokens.size(); ++step) {
      auto output = runtime_.run(batch);
      if (!output) return output.error();
      logits.add(filled(output->logits[0]), row_of(golden_.draft_logits, step));
      hidden.add(output->hidden[0], row_of(golden_.draft_hidden, step));
      const TokenId pick = most_likely(output->logits[0]);
      report_.draft_matches += pick == TokenId(golden_.draft_tokens[step]) ? 1 : 0;
      batch.advance({&pick, 1});
    }
    report_.draft_expected = static_cast<std::uint32_t>(golden_.draft_tokens.size());
    report_.draft_logits = report_.chained_logits = logits.value();
    report_.draft_hidden = report_.chained_hidden = hidden.value();
    return {};
  }

  // The drafter by itself: a second sequence whose keys, values and hidden rows are made the
  // reference's.
  Result<void> draft_alone(std::uint32_t chunk_rows) {
    const bool all_rows = golden_.row_index.size() == golden_.input_ids.size();
    if (report_.draft_expected == 0 || !all_rows) return {};
    const auto sequence = runtime_.pool().open();
    comparing_ = false;
    auto judged = prompt(*sequence, chunk_rows);
    if (!judged) return judged.error();
    write_reference_kv(*sequence);
    RelativeError logits, hidden;
    for (std::size_t step = 0; step < golden_.draft_tokens.size(); ++step) {
      const std::size_t last = golden_.input_ids.size() - 1;
      runtime_.backend().write_hidden(judged->hidden, step == 0
                                                          ? row_of(golden_.hidden, last)
                                                          : row_of(golden_.draft_hidden, step - 1));
      judged->next = TokenId(step == 0 ? golden_.first_token : golden_.draft_tokens[step - 1]);
      DraftBatch batch;
      batch.add(*judged);
      auto output = runtime_.run(batch);
      if (!output) return output.error();
      logits.add(filled(output->logits[0]), row_of(golden_.draft_logits, step));
      hidden.add(output->hidden[0], row_of(golden_.draft_hidden, step));
    }
    report_.draft_logits = logits.value();
    report_.draft_hidden = hidden.value();
    return {};
  }

  void write_reference_kv(const Sequence& sequence) {
    for (std::size_t group = 0; group < kKvGroups; ++group) {
      const GoldenTensor& keys = golden_.keys[group];
      const auto layer = last_kv_layer(group == static_cast<std::size_t>(KvGroup::kSliding));
      if (!layer) continue;
      const auto pages = sequence.view().pages(static_cast<KvGroup>(group));
      for (std::uint32_t head = 0; head < keys.extent[0]; ++head) {
        for (std::uint32_t pos = 0; pos < keys.extent[1]; ++pos) {
          if (pages[pos / kPageRows] == KvPool::padding_page())
            continue;  // out of everybody's sight
          const std::size_t row = std::size_t{head} * keys.extent[1] + pos;
          runtime_.backend().write_kv(sequence.view(), *layer, head, KvSide::kKey, Pos(pos),
                                      row_of(keys, row));
          runtime_.backend().write_kv(sequence.view(), *layer, head, KvSide::kValue, Pos(pos),
                                      row_of(golden_.values[group], row));
        }
      }
    }
  }

  // The layer whose keys and values the reference holds: the last of its kind that owns some.
  std::optional<KvLayerId> last_kv_layer(bool sliding) const {
    const TargetConfig& config = runtime_.target().config;
    std::uint32_t layer = config.kv_layers();
    while (layer > 0 && config.layers[layer - 1].sliding != sliding) --layer;
    if (layer == 0) return std::nullopt;
    return KvLayerId(layer - 1);
  }

  // The reference puts (smallest candidate - 1) where the centroid head left a token out, we minus
  // infinity.
  static std::vector<float> filled(std::span<const float> logits) {
    float least = std::numeric_limits<float>::infinity();
    for (const float logit : logits) {
      if (std::isfinite(logit)) least = std::min(least, logit);
    }
    std::vector<float> values(logits.begin(), logits.end());
    std::replace(values.begin(), values.end(), -std::numeric_limits<float>::infinity(), least - 1);
    return values;
  }

  Result<void> decode(Sequence& sequence, TokenId next) {
    report_.greedy_expected = static_cast<std::uint32_t>(golden_.greedy_ids.size());
    for (std::size_t i = 0; i < golden_.greedy_ids.size(); ++i) {
      report_.greedy_matches += next == TokenId(golden_.greedy_ids[i]) ? 1 : 0;
      if (i + 1 == golden_.greedy_ids.size()) break;
      auto judged = prefill(runtime_, sequence, {&next, 1}, 1,
                            [](std::span<const float> logits, Pos) { return most_likely(logits); });
      if (!judged) return judged.error();
      next = judged->next;
    }
    return {};
  }

  Runtime& runtime_;
  const Golden& golden_;
  GoldenReport report_;
  RelativeError logits_, hidden_, keys_[kKvGroups], values_[kKvGroups];
  bool comparing_ = true;
};

Result<void> fits(const Golden& golden, const Runtime& runtime) {
  const TargetConfig& config = runtime.target().config;
  const auto wrong = [](const char* what, auto found, auto expected) {
    return Error{
        ErrorCode::kBadModelFile,
        fmt::format("the reference's {} is {}, but the model's is {}", what, found, expected)};
  };
  if (golden.logits.extent[1] != config.vocab)
    return wrong("vocabulary", golden.logits.extent[1], config.vocab);
  if (golden.hidden.extent[1] != config.width)
    return wrong("hidden size", golden.hidden.extent[1], config.width);
  for (const std::uint32_t id : golden.input_ids) {
    if (id >= config.vocab) return wrong("token", id, fmt::format("below {}", config.vocab));
  }
  return {};
}

}  // namespace

Result<Golden> Golden::read(const std::string& path) {
  auto file = SafetensorsFile::open(path);
  if (!file) return file.error();
  GoldenReader reader(*file);
  Golden golden;
  golden.input_ids = reader.ids("input_ids");
  golden.logits = reader.floats("logits");
  golden.hidden = reader.floats("hidden_final_norm");
  if (reader.has("row_index")) {
    golden.row_index = reader.ids("row_index");
  } else {
    golden.row_index.resize(golden.input_ids.size());
    std::iota(golden.row_index.begin(), golden.row_index.end(), 0u);
  }
  const char* groups[kKvGroups] = {"kv.full_attention", "kv.sliding_attention"};
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    golden.keys[group] = reader.floats(std::string(groups[group]) + ".k");
    golden.values[group] = reader.floats(std::string(groups[group]) + ".v");
  }
  golden.greedy_ids = reader.ids("greedy_ids");
  if (reader.has("draft.tokens")) {
    golden.draft_tokens = reader.ids("draft.tokens");
    golden.draft_logits = reader.floats("draft.logits");
    golden.draft_hidden = reader.floats("draft.hidden");
    const auto first = reader.ids("draft.first_token");
    reader.expect(first.size() == 1, "draft.first_token", "one token");
    if (first.size() == 1) golden.first_token = first[0];
  }
  const std::size_t rows = golden.row_index.size();
  reader.expect(!golden.input_ids.empty(), "input_ids", "at least one token");
  reader.expect(golden.logits.extent.size() == 2 && golden.logits.extent[0] == rows, "logits",
                "[rows, vocabulary]");
  reader.expect(golden.hidden.extent.size() == 2 && golden.hidden.extent[0] == rows,
                "hidden_final_norm", "[rows, hidden]");
  for (std::size_t group = 0; group < kKvGroups; ++group) {
    const GoldenTensor& keys = golden.keys[group];
    reader.expect(keys.extent.size() == 3 && keys.extent[1] == rows &&
                      keys.extent == golden.values[group].extent,
                  groups[group], "[heads, rows, head size] of keys and as many values");
  }
  if (reader.error()) return *reader.error();
  return golden;
}

double GoldenReport::largest() const {
  return std::max(
      {logits, hidden, keys[0], keys[1], values[0], values[1], draft_logits, draft_hidden});
}

Result<GoldenReport> compare(Runtime& runtime, const Golden& golden, std::uint32_t chunk_rows) {
  if (auto fitting = fits(golden, runtime); !fitting) return fitting.error();
  return Comparison(runtime, golden).run(chunk_rows);
}

}  // namespace outrider

// Recorders for tests that only write down what they are told, as a GPU's do: a backend's own
// recorder hears of it once the model has finished. What the model lends while it records has to
// last until then. Scratch is filled with NaN at the place where it was asked for, in every launch:
// whatever a launch reads of it, it has written before.
#pragma once
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "step/recorder.h"

namespace outrider {

template <class Interface>
class DeferredRecorder : public Interface {
 public:
  using Scopes = std::vector<std::unique_ptr<ScratchScope>>;

  // Two new recorders of one backend and shape: `planner` is told everything at once, says where
  // rows lie, and is thrown away.
  DeferredRecorder(std::unique_ptr<Interface> planner, std::unique_ptr<Interface> writer)
      : planner_(std::move(planner)), writer_(std::move(writer)) {}

  // The writer, which has been told everything now.
  std::unique_ptr<Interface> told() {
    planner_.reset();
    Scopes scopes;
    for (const auto& command : commands_) command(*writer_, scopes);
    return std::move(writer_);
  }

  Rows scratch(RowSet set, std::uint32_t width) override {
    const auto take = [set, width](Interface& r) {
      const Rows rows = r.scratch(set, width);
      r.scale(rows, std::numeric_limits<float>::quiet_NaN());
      return rows;
    };
    const Rows rows = take(*planner_);
    commands_.push_back([take, rows](Interface& r, Scopes&) { expect_place(take(r), rows); });
    return rows;
  }
  void embed(const Weight& table, float scale, Rows out) override {
    defer([=](Interface& r) { r.embed(table, scale, out); });
  }
  void rms_norm(Rows in, const Gain& gain, Rows out) override {
    defer([=](Interface& r) { r.rms_norm(in, gain, out); });
  }
  void matmul(Rows in, const Weight& w, Rows out) override {
    defer([=](Interface& r) { r.matmul(in, w, out); });
  }
  void rope(Rows heads, const Rope& rope) override {
    defer([=](Interface& r) { r.rope(heads, rope); });
  }
  void attend(Rows q, const KvTarget& kv, Rows out) override {
    defer([=](Interface& r) { r.attend(q, kv, out); });
  }
  void geglu(Rows gate, Rows up, Rows out) override {
    defer([=](Interface& r) { r.geglu(gate, up, out); });
  }
  void add(Rows in, Rows into) override {
    defer([=](Interface& r) { r.add(in, into); });
  }
  void scale(Rows rows, float factor) override {
    defer([=](Interface& r) { r.scale(rows, factor); });
  }

 protected:
  template <class Tell>
  void defer(Tell tell_one) {
    tell_one(*planner_);
    commands_.push_back([tell_one](Interface& r, Scopes&) { tell_one(r); });
  }
  static void expect_place(const Rows& rows, const Rows& promised) {
    require(rows.offset == promised.offset && rows.stride == promised.stride,
            "told the same, a recorder puts rows where it put them before");
  }
  Interface& planner() { return *planner_; }
  void push(std::function<void(Interface&, Scopes&)> command) {
    commands_.push_back(std::move(command));
  }

 private:
  std::size_t scratch_mark() const override {
    open_.push_back(std::make_unique<ScratchScope>(*planner_));
    commands_.push_back(
        [](Interface& r, Scopes& scopes) { scopes.push_back(std::make_unique<ScratchScope>(r)); });
    return open_.size();
  }
  void scratch_release(std::size_t mark) override {
    require(mark == open_.size(), "scopes end in reverse");
    open_.pop_back();
    commands_.push_back([](Interface&, Scopes& scopes) { scopes.pop_back(); });
  }

  std::unique_ptr<Interface> planner_, writer_;
  mutable Scopes open_;  // of the planner
  mutable std::vector<std::function<void(Interface&, Scopes&)>> commands_;
};

class DeferredTargetRecorder final : public DeferredRecorder<TargetRecorder> {
 public:
  using DeferredRecorder::DeferredRecorder;
  void store_kv(Rows k, Rows v, KvLayerId layer) override {
    defer([=](TargetRecorder& r) { r.store_kv(k, v, layer); });
  }
  void select_logit_rows(Rows in, Rows out) override {
    defer([=](TargetRecorder& r) { r.select_logit_rows(in, out); });
  }
  Route route(Rows logits, std::uint32_t top, std::span<const float> expert_scale) override {
    const Route route = planner().route(logits, top, expert_scale);
    push([=](TargetRecorder& r, Scopes&) {
      expect_place(r.route(logits, top, expert_scale).rows, route.rows);
    });
    return route;
  }
  void expert_matmul(Rows in, const Route& route, const Weight& stack, Rows out) override {
    defer([=](TargetRecorder& r) { r.expert_matmul(in, route, stack, out); });
  }
  void expert_sum(Rows in, const Route& route, Rows out) override {
    defer([=](TargetRecorder& r) { r.expert_sum(in, route, out); });
  }
  void finish_logits(Rows logits, float cap, std::span<const std::uint32_t> suppressed) override {
    defer([=](TargetRecorder& r) { r.finish_logits(logits, cap, suppressed); });
  }
  void output(Rows logits, Rows hidden) override {
    defer([=](TargetRecorder& r) { r.output(logits, hidden); });
  }
};

class DeferredDraftRecorder final : public DeferredRecorder<DraftRecorder> {
 public:
  using DeferredRecorder::DeferredRecorder;
  void hidden_input(Rows out) override {
    defer([=](DraftRecorder& r) { r.hidden_input(out); });
  }
  void centroid_logits(Rows in, const CentroidHead& head, const Weight& table,
                       Rows logits) override {
    defer([=](DraftRecorder& r) { r.centroid_logits(in, head, table, logits); });
  }
  void suppress(Rows logits, std::span<const std::uint32_t> suppressed) override {
    defer([=](DraftRecorder& r) { r.suppress(logits, suppressed); });
  }
  void output(Rows logits, Rows hidden) override {
    defer([=](DraftRecorder& r) { r.output(logits, hidden); });
  }
};

}  // namespace outrider

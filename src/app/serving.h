// A loaded model and everything that answers requests for it.
#pragma once
#include <memory>
#include <string>

#include "app/serve_options.h"
#include "engine/runtime.h"
#include "server/engine_thread.h"
#include "server/service.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace outrider {

class Serving {
 public:
  // Errors are one sentence naming the file or the option.
  static Result<std::unique_ptr<Serving>> load(const ServeOptions& options);
  // Cancels what runs.
  ~Serving() { stop(); }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  Runtime& runtime() { return *runtime_; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const ServerInfo& info() const { return info_; }
  Service& service() { return service_; }
  void stop() { engine_.get()->stop(); }

 private:
  Serving(const ServeOptions& options, std::unique_ptr<Runtime> runtime, Vocabulary vocabulary);

  std::unique_ptr<Runtime> runtime_;
  Vocabulary vocabulary_;
  Tokenizer tokenizer_;
  ServerInfo info_;
  EngineHandle engine_;
  ModelService service_;
};

// One sentence where target and drafter are likely not made for each other although they fit;
// empty otherwise. Each is known by its general.name and the name of its file.
std::string pair_warning(const std::string& target_name, const std::string& target_path,
                         const std::string& drafter_name, const std::string& drafter_path);

}  // namespace outrider

/* ExecuTorch through the C++ headers and libraries of its wheel, on its XNNPACK delegate. */

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include <string>
#include <vector>

#include "runner.h"

/* The wheel has this class in libexecutorch_threadpool.so and its header not. */
namespace executorch::extension::threadpool {
class ThreadPool {
  public:
    bool _unsafe_reset_threadpool(uint32_t threads);
    size_t get_thread_count() const;
};
ThreadPool *get_threadpool();
}  // namespace executorch::extension::threadpool

using executorch::aten::SizesType;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::extension::threadpool::get_threadpool;
using executorch::runtime::Error;

static Module *module;
static std::vector<float> input;
static TensorPtr input_tensor;
static std::vector<float> logits;

static void require(Error error, const char *call) {
    if (error != Error::Ok) fail(call, ("error " + std::to_string(static_cast<int>(error))).c_str());
}

static void model_open(const Job *job) {
    /* Before anything is loaded: its own pool reads no environment variable. */
    if (!get_threadpool()->_unsafe_reset_threadpool(static_cast<uint32_t>(job->threads)))
        fail("the thread pool was not reset", "--threads");
    module = new Module(job->model, Module::LoadMode::Mmap);
    require(module->load_method("forward"), "load_method forward");
    input.resize(job->values);
    std::vector<SizesType> sizes(job->shape, job->shape + 4);
    input_tensor = executorch::extension::from_blob(input.data(), sizes);
}

static void model_put(const float *images, size_t values) { input.assign(images, images + values); }

static void model_run() { require(module->forward(input_tensor).error(), "forward"); }

static const float *model_get(size_t *values) {
    auto outputs = module->get_outputs("forward");
    require(outputs.error(), "get_outputs");
    auto tensor = outputs->at(0).toTensor();
    const float *data = tensor.const_data_ptr<float>();
    logits.assign(data, data + tensor.numel());
    *values = logits.size();
    return logits.data();
}

/* A number that our exporter added to the program as a method without inputs. */
static void constant_setting(const char *name, const char *method) {
    auto names = module->method_names();
    if (!names.ok() || !names->count(method)) return;
    auto answer = module->execute(method);
    if (answer.ok() && !answer->empty() && answer->at(0).isInt()) number_setting(name, answer->at(0).toInt());
}

static void model_settings() {
    auto meta = module->method_meta("forward");
    require(meta.error(), "method_meta");
    int64_t planned = 0;
    for (size_t i = 0; i < meta->num_memory_planned_buffers(); i++)
        planned += meta->memory_planned_buffer_size(i).get();
    setting("delegate", meta->uses_backend("XnnpackBackend") ? "XNNPACK" : "none");
    number_setting("threads", static_cast<long long>(get_threadpool()->get_thread_count()));
    number_setting("planned bytes", planned);
    constant_setting("delegated operators", "delegated_operators");
    constant_setting("operators not delegated", "operators_not_delegated");
}

/* Constant methods of the program as well: layers_fp32, layers_int8 and so on. */
static void model_layers() {
    for (const char *precision : {"fp32", "fp16", "bf16", "int8"}) {
        auto names = module->method_names();
        std::string method = std::string("layers_") + precision;
        if (!names.ok() || !names->count(method)) continue;
        auto answer = module->execute(method);
        if (answer.ok() && !answer->empty() && answer->at(0).isInt()) layer(precision, (int)answer->at(0).toInt());
    }
}

int main(int argc, char **argv) { return serve(argc, argv, "executorch"); }

// Owns what a worker that serves one command inherits of the environment: what finds, loads and computes a model, and what any program needs on
// this machine. What tells workers whom to serve, join or report to is for those that serve others.
import type { Environment } from "../config.ts";

/** After WAGGLE_. */
const settings = new Set([
  // Which models, and what they are loaded with.
  ...["MODEL", "MODEL_REF", "MODELS_DIR", "OFFLINE", "DEFAULT_MODEL", "ALIAS", "PIN", "KEEP_ALIVE"],
  ...["MEMORY_BUDGET", "MAX_LOADED_MODELS", "CHAT_TEMPLATE", "LORA"],
  ...["ROPE_SCALING", "ROPE_FREQ_BASE", "ROPE_FREQ_SCALE", "YARN_ORIG_CTX"],
  // With what they compute.
  ...["BACKEND", "DEVICE", "GPU_DIR", "GPU_LAYERS", "SLOTS", "CONTEXT_SIZE", "THREADS", "BATCH_SIZE", "PREFILL_BUDGET"],
  ...["PREFIX_STORE_SIZE", "PREFIX_STORE_DIR", "CACHE_TYPE_K", "CACHE_TYPE_V", "FLASH_ATTENTION", "MMAP", "MLOCK"],
  ...["LOAD_TIMEOUT", "WATCHDOG_TIMEOUT", "CRASH_LOOP_DEATHS"],
  ...["FAKE_STEP_DELAY", "FAKE_LOAD_DELAY", "FAKE_FAIL_LOAD", "FAKE_CRASH_AT_STEP", "FAKE_HANG_AT_STEP"],
  // What a request may be.
  ...["DEFAULT_MAX_TOKENS", "REPETITION_LIMIT", "MAX_BODY", "MAX_BODIES"],
]);

const names = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  // Windows cannot start a process without some of these.
  ...[
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
    "HOMEDRIVE",
  ],
  ...["HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "NUMBER_OF_PROCESSORS"],
  "PROCESSOR_ARCHITECTURE",
]);

/** Of the system, Node, the hub, and the libraries that compute. */
const prefixes = [
  ...["LC_", "XDG_", "LD_", "DYLD_", "SSL_", "NODE_", "UV_", "MALLOC_", "HF_"],
  ...["GGML_", "LLAMA_", "GOMP_", "OMP_", "KMP_", "OPENBLAS_", "MKL_"],
  ...["CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "VK_", "VULKAN_", "MESA_", "MTL_"],
];

/** The environment of a worker that serves us alone. */
export function ownEnvironment(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isInherited(name)));
}

function isInherited(name: string): boolean {
  if (name.startsWith("WAGGLE_")) return settings.has(name.slice("WAGGLE_".length));
  // Names of proxies are in lower case as often, and on Windows case does not count.
  const upper = name.toUpperCase();
  return names.has(upper) || prefixes.some((prefix) => upper.startsWith(prefix));
}

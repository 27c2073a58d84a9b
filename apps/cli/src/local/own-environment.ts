// Selects the environment variables that the private worker of a command inherits: variables about models, computation and requests.
import { workerEnvironment } from "@waggle/client/spawn-worker";
import type { Environment } from "../config.ts";

/** Names of variables without the prefix WAGGLE_. */
const settings = new Set([
  // Models, and how they are loaded.
  ...["MODEL", "MODEL_REF", "MODELS_DIR", "OFFLINE", "HUB_URL", "DEFAULT_MODEL", "ALIAS", "PIN", "KEEP_ALIVE"],
  ...["MEMORY_BUDGET", "MAX_LOADED_MODELS", "CHAT_TEMPLATE", "LORA", "MMPROJ", "MAX_PICTURE_PIXELS"],
  ...["ROPE_SCALING", "ROPE_FREQ_BASE", "ROPE_FREQ_SCALE", "YARN_ORIG_CTX"],
  // Computation.
  ...["BACKEND", "DEVICE", "GPU_DIR", "GPU_LAYERS", "SLOTS", "CONTEXT_SIZE", "THREADS", "BATCH_SIZE", "PREFILL_BUDGET"],
  ...["MAX_TOKEN_GAP", "GUESSES"],
  ...["PREFIX_STORE_SIZE", "PREFIX_STORE_DIR", "CACHE_TYPE_K", "CACHE_TYPE_V", "FLASH_ATTENTION", "MMAP", "MLOCK"],
  ...["LOAD_TIMEOUT", "WATCHDOG_TIMEOUT", "CRASH_LOOP_DEATHS"],
  ...["FAKE_STEP_DELAY", "FAKE_LOAD_DELAY", "FAKE_FAIL_LOAD", "FAKE_CRASH_AT_STEP", "FAKE_HANG_AT_STEP"],
  // Limits of a request.
  ...["DEFAULT_MAX_TOKENS", "REPETITION_LIMIT", "MAX_BODY", "MAX_BODIES", "ALLOW_MEDIA_FROM"],
  ...["MAX_PICTURE_BYTES", "MAX_PICTURES", "MAX_PICTURES_BYTES", "PICTURES_TOTAL", "MAX_PICTURE_PIXELS"],
]);

export function ownEnvironment(env: Environment): Environment {
  return workerEnvironment(env, settings);
}

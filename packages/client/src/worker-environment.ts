// Owns the choice of environment variables that a temporary worker inherits: variables that any program needs on this machine, and variables for
// finding, loading and computing a model. Settings for serving, joining a hive or fleet, and reporting are not inherited.

type Environment = Readonly<Record<string, string | undefined>>;

const names = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  // Windows cannot start a process without some of these.
  ...["SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "USERPROFILE"],
  ...["HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES"],
  ...["NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"],
]);

/** Prefixes of the variables of the system, Node, Hugging Face, and the compute libraries. */
const prefixes = [
  ...["LC_", "XDG_", "LD_", "DYLD_", "SSL_", "NODE_", "UV_", "MALLOC_", "HF_"],
  ...["GGML_", "LLAMA_", "GOMP_", "OMP_", "KMP_", "OPENBLAS_", "MKL_"],
  ...["CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "VK_", "VULKAN_", "MESA_", "MTL_"],
];

/** @param settings names of Waggle's variables that are inherited too, without the prefix WAGGLE_ */
export function workerEnvironment(env: Environment, settings: ReadonlySet<string> = new Set()): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isInherited(name, settings)));
}

function isInherited(name: string, settings: ReadonlySet<string>): boolean {
  if (name.startsWith("WAGGLE_")) return settings.has(name.slice("WAGGLE_".length));
  // Proxy variables are often in lower case, and Windows ignores the case of names.
  const upper = name.toUpperCase();
  return names.has(upper) || prefixes.some((prefix) => upper.startsWith(prefix));
}

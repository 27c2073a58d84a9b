// Owns what users of llama-server and Ollama probably mean by a flag that Waggle does not have. The names follow the README of llama.cpp's
// tools/server and Ollama's reference of model parameters.
import { samplingNames } from "@waggle/protocol/sampling";

const contextSize = "Use --context-size <tokens> for one job, or --context-pool <tokens> for all jobs together.";
const gpuLayers = "Use --gpu-layers <n>; by default as many layers as fit are on the GPU.";
const hub = "Name the download without a flag: waggle serve hf:user/repo:quant.";
const inRequest = "Send it in a request, or with --set to waggle run and waggle chat.";
const always = "Leave it out: Waggle always does this.";
const sized = "Leave it out: Waggle measures the best size when it loads a model.";
const metrics = "Leave it out: GET /metrics is always there.";
const noDraft = "Waggle has no draft models; it guesses tokens from the text itself (--guesses).";

/** From a flag to the advice, which is one or two sentences. */
export const foreignFlags: Readonly<Record<string, string>> = {
  "-m": "Name the file without a flag, waggle serve model.gguf, or use --model <file>.",
  "-c": contextSize,
  "--ctx-size": contextSize,
  "--num-ctx": contextSize,
  "--num_ctx": contextSize,
  "-ngl": gpuLayers,
  "--n-gpu-layers": gpuLayers,
  "--num-gpu": gpuLayers,
  "-np": "Use --slots <n>.",
  "--parallel": "Use --slots <n>.",
  "-b": "Use --batch-size <tokens>.",
  "-ub": sized,
  "--ubatch-size": sized,
  "-t": "Use --threads <n>.",
  "-fa": "Use --flash-attention <when>.",
  "--flash-attn": "Use --flash-attention <when>.",
  "-ctk": "Use --cache-type-k <type>.",
  "-ctv": "Use --cache-type-v <type>.",
  "-a": "Use --alias <name=model>.",
  "-hf": hub,
  "-hfr": hub,
  "--hf-repo": hub,
  "-mu": "Name the URL without a flag: waggle serve https://….",
  "--model-url": "Name the URL without a flag: waggle serve https://….",
  "-md": noDraft,
  "--model-draft": noDraft,
  "--api-key": "Put the token into the variable WAGGLE_API_TOKEN, or use --api-token-file <file>.",
  "--api-key-file": "Use --api-token-file <file>.",
  "--jinja": always,
  "-cb": always,
  "--cont-batching": always,
  "--metrics": metrics,
  "--embedding": "Leave it out: a model that embeds is recognised by its file.",
  "--embeddings": "Leave it out: a model that embeds is recognised by its file.",
  "--reranking": "Leave it out: a model that ranks is recognised by its file.",
  "-n": `${inRequest} The field is max_tokens.`,
  "--predict": `${inRequest} The field is max_tokens.`,
  "--temp": `${inRequest} The field is temperature.`,
  ...Object.fromEntries(
    samplingNames.map((name) => [`--${name.replaceAll("_", "-")}`, `${inRequest} The field is ${name}.`]),
  ),
  "--keepalive": "Use --keep-alive <time>.",
};

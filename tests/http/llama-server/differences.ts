// Owns the differences between the answers of two servers to the same case, and the known reasons.
import type { Leaves } from "./expectations.ts";

export interface Difference {
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
  /** Undefined if no rule explains the difference. */
  readonly why: string | undefined;
}

interface Reason {
  /** Matches the path of a leaf, with or without the `first`, `last` or index of an answer before it. */
  readonly paths: RegExp;
  readonly why: string;
}

const settings = "generation_settings|default_generation_settings/params";

const reasons: readonly Reason[] = [
  { paths: /^timings\/(prompt|predicted)_(ms|per_token_ms|per_second)$/, why: "it is measured" },
  {
    paths: /^timings\/(cache|prompt)_n$/,
    why: "what a slot still holds depends on what came before; both together are the prompt",
  },
  { paths: /^id_slot$/, why: "which slot is free" },
  {
    paths: /^model$|^model_alias$|^data\/0\/id$/,
    why: "Waggle serves a model under its own name, llama-server under its path or alias",
  },
  { paths: /^model_path$/, why: "Waggle shows the file's name alone: its folder is private" },
  {
    paths: /^prompt$/,
    why: "Waggle gives the prompt back as it was sent and leaves out what was no text; llama-server reads its tokens, BOS with them",
  },
  {
    paths: new RegExp(
      `^(${settings})/(dynatemp_|top_n_sigma|typical_p|mirostat|adaptive_|min_keep|lora|backend_sampling|post_sampling_probs|speculative)`,
    ),
    why: "Waggle has no such sampler or switch, and refuses the field unless it is off",
  },
  {
    paths: new RegExp(
      `^(${settings})/(n_keep|n_discard|grammar_|preserved_tokens|chat_format|reasoning_|generation_prompt|timings_per_token)`,
    ),
    why: "it says nothing about how this answer was sampled",
  },
  {
    paths: new RegExp(`^(${settings})/(samplers/|samplers$)`),
    why: "Waggle names the samplers that it has; their order is the same",
  },
  {
    paths: new RegExp(`^(${settings})/(n_indent|t_max_predict_ms|dry_sequence_breakers/.*)$`),
    why: "Waggle tells these as well",
  },
  { paths: new RegExp(`^(${settings})/seed$`), why: "Waggle tells the seed that was drawn, and -1 where none was yet" },
  {
    paths: new RegExp(`^(${settings})/dry_penalty_last_n$`),
    why: "Waggle's default is the whole context; the sampler is off",
  },
  { paths: new RegExp(`^(${settings})/grammar$`), why: "the two write a schema as a grammar in their own ways" },
  {
    paths: new RegExp(`^(${settings})/logit_bias/`),
    why: "a ban is -100 in Waggle and minus infinity (null) there",
  },
  { paths: /^error\/message$/, why: "the words are Waggle's own" },
  {
    paths: /^(media_marker|ui|ui_settings|cors_proxy_enabled|model_ftype|modalities\/|endpoint_)/,
    why: "it is about llama-server's own settings",
  },
  { paths: /^chat_template_caps\//, why: "Waggle tells what it found out about the template, in fewer words" },
  { paths: /^build_info$/, why: "each has its own" },
  {
    paths: /^(\d+\/)?(id_task|n_prompt_tokens|n_prompt_tokens_|next_token\/|params\/)/,
    why: "Waggle tells no job that is over",
  },
  { paths: /^(status_word|fields)$/, why: "more or fewer fields than there" },
  {
    paths: /^(live|ready|state|worker_id|backend|version|uptime_ms)$|^(slots|queue|engine)\//,
    why: "Waggle's own health is in the same body",
  },
  {
    paths: /^(models\/|data\/0\/)|^(object|first_id|last_id|has_more)$/,
    why: "Waggle's list of models is for OpenAI's, Anthropic's and Codex's clients as well",
  },
];

/** Numbers with a smaller relative difference are equal: one server prints single precision, and the last bits depend on the build. */
const tolerance = 0.01;

/** @param otherwise the reason of all differences that no rule explains */
export function differencesOf(ours: Leaves, theirs: Leaves, otherwise?: string): Difference[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])].toSorted().flatMap((path) => {
    const [mine, other] = [ours.get(path), theirs.get(path)];
    if (isSame(mine, other)) return [];
    return [{ path, ours: mine, theirs: other, why: knownReason(path) ?? otherwise }];
  });
}

function knownReason(path: string): string | undefined {
  const bare = path.replace(/^(first|last|\d+)\//, "");
  return reasons.find(({ paths }) => paths.test(bare) || paths.test(path))?.why;
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "number" || typeof b !== "number") return a === b;
  if (Number.isInteger(a) && Number.isInteger(b)) return a === b;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}

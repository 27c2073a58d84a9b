// Owns the rules between the worker's settings. A rule is pure: it returns a sentence that names the flags, or undefined when the settings
// follow the rule.
import { frontProblems, isWildcard } from "@waggle/daemon";
import { fakeOptions } from "./options/engine-options.ts";
import type { OptionKey, OptionValues } from "./option-table.ts";

type Rule = (values: OptionValues) => string | undefined;

/** Rules for loading a model: they also apply to each model of the settings file. */
export const settingsRules: readonly Rule[] = [contextRule, cacheRule, ropeRule];

/** A sentence for each broken rule. */
export function brokenRules(values: OptionValues): readonly string[] {
  const rules: readonly Rule[] = [modelNameRule, ollamaRule, advertiseRule, natsRule, fakeRule, ...settingsRules];
  return [...rules.flatMap((rule) => rule(values) ?? []), ...frontProblems(values)];
}

function modelNameRule(values: OptionValues): string | undefined {
  const models = values.models ?? [];
  if (values.modelRef !== undefined && models.length > 1) {
    return "Cannot use --model-ref with several models: name each one, as in --model name=path.";
  }
  const names = models.flatMap(({ name }) => name ?? []);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? undefined : `Cannot use --model twice with the name ${twice}.`;
}

function ollamaRule(values: OptionValues): string | undefined {
  if (!values.ollama || values.port === 0 || values.ollamaPort !== values.port) return undefined;
  return `Cannot use --ollama with --port ${values.port}: it is the same port as --ollama-port.`;
}

function advertiseRule(values: OptionValues): string | undefined {
  if (values.hiveUrl === undefined || values.advertiseUrl !== undefined || !isWildcard(values.host)) return undefined;
  const reason = "the hive needs an address of this machine. Add --advertise-url";
  return `Cannot use --hive-url with --host ${values.host} alone: ${reason}.`;
}

function natsRule(values: OptionValues): string | undefined {
  const given = values.natsCreds !== undefined ? "--nats-creds" : values.natsInsecure ? "--nats-insecure" : undefined;
  if (given === undefined || values.natsUrl !== undefined) return undefined;
  return `Cannot use ${given} without --nats-url.`;
}

function fakeRule(values: OptionValues): string | undefined {
  if (values.backend === "fake") return undefined;
  const given = (Object.keys(fakeOptions) as (OptionKey & keyof typeof fakeOptions)[]).find(
    (key) => values[key] !== undefined,
  );
  return given === undefined ? undefined : `Cannot use --${fakeOptions[given].flag} without --backend fake.`;
}

function contextRule({ contextSize, contextPool }: OptionValues): string | undefined {
  if (contextSize === undefined || contextPool === undefined || contextSize <= contextPool) return undefined;
  return `Cannot use --context-size ${contextSize} with --context-pool ${contextPool}: a job cannot have more tokens than all jobs together.`;
}

function cacheRule({ cacheTypeV, flashAttention }: OptionValues): string | undefined {
  if (flashAttention !== "off" || ["f32", "f16", "bf16"].includes(cacheTypeV)) return undefined;
  return `Cannot use --cache-type-v ${cacheTypeV} with --flash-attention off: a quantized V cache needs flash attention.`;
}

function ropeRule({ ropeScaling, ropeFreqScale, yarnOrigCtx }: OptionValues): string | undefined {
  if (ropeScaling === undefined || ropeScaling === "yarn") return undefined;
  if (yarnOrigCtx !== undefined)
    return `Cannot use --yarn-orig-ctx with --rope-scaling ${ropeScaling}: it is for yarn.`;
  if (ropeScaling === "linear" || ropeFreqScale === undefined) return undefined;
  return "Cannot use --rope-freq-scale with --rope-scaling none: it would have no effect.";
}

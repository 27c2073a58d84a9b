// Owns what must hold between settings. A rule is pure: it sees the values and says what is wrong, in a sentence that
// names the flags.
import { accessProblem, isWildcard, replayProblem } from "@waggle/daemon";
import type { OptionKey, OptionValues } from "./option-table.ts";
import { fakeOptions } from "./engine-options.ts";

export interface RuleInput {
  readonly values: OptionValues;
  /** Where an API token comes from: a variable's or a flag's name, or undefined when there is none. */
  readonly tokenSource: string | undefined;
}

/** Every rule that is broken, as a whole sentence. */
export function brokenRules(input: RuleInput): readonly string[] {
  return [
    ...[accessRule, modelNameRule, ollamaRule, advertiseRule, natsRule, fakeRule, replayRule, bodyRule],
    ...settingsRules,
  ].flatMap((rule) => rule(input) ?? []);
}

/** About what a model is loaded with. */
export const settingsRules: readonly ((input: RuleInput) => string | undefined)[] = [cacheRule, ropeRule];

function accessRule({ values, tokenSource }: RuleInput): string | undefined {
  return accessProblem(values, tokenSource);
}

function modelNameRule({ values }: RuleInput): string | undefined {
  const models = values.models ?? [];
  if (values.modelRef !== undefined && models.length > 1) {
    return "Cannot use --model-ref with several models: give each its own, as in --model name=path.";
  }
  const names = models.flatMap(({ name }) => name ?? []);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? undefined : `Cannot use --model twice with the name ${twice}.`;
}

function ollamaRule({ values }: RuleInput): string | undefined {
  if (!values.ollama || values.port === 0 || values.ollamaPort !== values.port) return undefined;
  return `Cannot use --ollama with --port ${values.port}: it is the same port as --ollama-port.`;
}

function advertiseRule({ values }: RuleInput): string | undefined {
  if (values.hiveUrl === undefined || values.advertiseUrl !== undefined || !isWildcard(values.host)) return undefined;
  const reason = "the hive would be told an address that leads nowhere. Add --advertise-url";
  return `Cannot use --hive-url with --host ${values.host} alone: ${reason}.`;
}

function natsRule({ values }: RuleInput): string | undefined {
  const given = values.natsCreds !== undefined ? "--nats-creds" : values.natsInsecure ? "--nats-insecure" : undefined;
  if (given === undefined || values.natsUrl !== undefined) return undefined;
  return `Cannot use ${given} without --nats-url.`;
}

function fakeRule({ values }: RuleInput): string | undefined {
  if (values.backend === "fake") return undefined;
  const given = (Object.keys(fakeOptions) as (OptionKey & keyof typeof fakeOptions)[]).find(
    (key) => values[key] !== undefined,
  );
  return given === undefined ? undefined : `Cannot use --${fakeOptions[given].flag} without --backend fake.`;
}

function cacheRule({ values: { cacheTypeV, flashAttention } }: RuleInput): string | undefined {
  if (flashAttention !== "off" || ["f32", "f16", "bf16"].includes(cacheTypeV)) return undefined;
  return `Cannot use --cache-type-v ${cacheTypeV} with --flash-attention off: a quantized V cache needs flash attention.`;
}

function ropeRule({ values: { ropeScaling, ropeFreqScale, yarnOrigCtx } }: RuleInput): string | undefined {
  if (ropeScaling === undefined || ropeScaling === "yarn") return undefined;
  if (yarnOrigCtx !== undefined)
    return `Cannot use --yarn-orig-ctx with --rope-scaling ${ropeScaling}: it is for yarn.`;
  if (ropeScaling === "linear" || ropeFreqScale === undefined) return undefined;
  return "Cannot use --rope-freq-scale with --rope-scaling none: it would have no effect.";
}

function replayRule({ values }: RuleInput): string | undefined {
  return replayProblem(values);
}

function bodyRule({ values }: RuleInput): string | undefined {
  if (values.maxBodyBytes <= values.maxBodiesBytes) return undefined;
  return "Cannot use a --max-body larger than --max-bodies: one body would fill more than all may.";
}

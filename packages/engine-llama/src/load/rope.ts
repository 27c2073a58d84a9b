// Owns the settings of rotary position embeddings. The library has no options for them, so they override the file's metadata, from which llama.cpp
// reads them (`llama_model::load_hparams`).
import type { LoadedSettings, RopeScaling } from "@waggle/protocol";
import type { GgufFileInfo, LlamaModelOptions } from "node-llama-cpp";

export interface RopeSettings {
  /** By default, this and the following settings have the values in the model's file. */
  readonly ropeScaling?: RopeScaling | undefined;
  readonly ropeFreqBase?: number | undefined;
  /** Factor of the frequencies: 0.5 stretches the context to twice its length. */
  readonly ropeFreqScale?: number | undefined;
  /** For YaRN: context size of the model's training, before the context was stretched. */
  readonly yarnOrigCtx?: number | undefined;
}

interface RopeMetadata {
  readonly freq_base?: number;
  readonly scaling?: { readonly type?: string; readonly factor?: number; readonly original_context_length?: number };
}

/** Text models without rotary positions, by architecture (`llama_model_rope_type` of llama.cpp). */
const withoutRope =
  /^(gpt2|gptj|mpt|refact|bloom|mamba2?|jamba|jina-bert-v2|bert|t5|t5encoder|rwkv\d\w*|arwkv7|nemotron_h\w*|kimi-\w+|jais)$/;

export function ropeOverrides(
  architecture: string,
  { ropeScaling, ropeFreqBase, ropeFreqScale, yarnOrigCtx }: RopeSettings,
): NonNullable<LlamaModelOptions["metadataOverrides"]> {
  const scaling = {
    ...(ropeScaling === undefined ? {} : { type: ropeScaling }),
    ...(ropeFreqScale === undefined ? {} : { factor: float(1 / ropeFreqScale) }),
    ...(yarnOrigCtx === undefined ? {} : { original_context_length: yarnOrigCtx }),
  };
  const rope = {
    ...(ropeFreqBase === undefined ? {} : { freq_base: float(ropeFreqBase) }),
    ...(Object.keys(scaling).length === 0 ? {} : { scaling }),
  };
  if (Object.keys(rope).length === 0) return {};
  return { [architecture]: { rope } };
}

/** Gives integers a fraction: the library would pass them as integers, which llama.cpp rejects for a float. The result rounds to the same float. */
function float(value: number): number {
  return Number.isInteger(value) ? value * (1 + Number.EPSILON) : value;
}

/** Finds settings without effect. @returns the end of an error message, or undefined */
export function ropeProblem(
  { metadata, architectureMetadata }: GgufFileInfo,
  settings: RopeSettings,
): string | undefined {
  const given = Object.entries(flags).find(([key]) => settings[key as keyof RopeSettings] !== undefined)?.[1];
  if (given === undefined) return undefined;
  const { architecture } = metadata.general;
  if (withoutRope.test(architecture))
    return `${given}: a model of architecture ${architecture} has no rotary positions`;
  const type = ropeOf(architectureMetadata).scaling?.type ?? "linear";
  if (settings.yarnOrigCtx !== undefined && type !== "yarn")
    return `--yarn-orig-ctx ${settings.yarnOrigCtx}: the scaling is ${type}; add --rope-scaling yarn`;
  if (settings.ropeFreqScale !== undefined && type === "none")
    return `--rope-freq-scale ${settings.ropeFreqScale}: the scaling type is "none"; add --rope-scaling linear or yarn`;
  return undefined;
}

const flags: { readonly [K in keyof Required<RopeSettings>]: string } = {
  ropeScaling: "--rope-scaling",
  ropeFreqBase: "--rope-freq-base",
  ropeFreqScale: "--rope-freq-scale",
  yarnOrigCtx: "--yarn-orig-ctx",
};

/** Values in effect for the worker's info; undefined without settings. The library's file info already contains the overrides. */
export function ropeInfo({ architectureMetadata }: GgufFileInfo, settings: RopeSettings): LoadedSettings["rope"] {
  if (Object.keys(flags).every((key) => settings[key as keyof RopeSettings] === undefined)) return undefined;
  const { freq_base: base, scaling = {} } = ropeOf(architectureMetadata);
  return {
    scaling: scaling.type ?? "linear",
    // `float` has changed the user's number in the file info.
    ...(base === undefined ? {} : { freq_base: settings.ropeFreqBase ?? base }),
    freq_scale: settings.ropeFreqScale ?? 1 / (scaling.factor ?? 1),
    ...(scaling.original_context_length === undefined ? {} : { yarn_orig_ctx: scaling.original_context_length }),
  };
}

function ropeOf(architectureMetadata: GgufFileInfo["architectureMetadata"]): RopeMetadata {
  return (architectureMetadata as { readonly rope?: RopeMetadata }).rope ?? {};
}

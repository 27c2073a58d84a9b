// Searches for the most that fits: layers of a model on a GPU, the longest context, and the most slots.
import { modelUseOf, type GgufHeader } from "../header/index.ts";
import { createEstimator, type MemoryEstimate } from "./estimate.ts";
import { textTokens, usualSizes, type ContextDefaultsOptions, type ContextSizes } from "./engine-defaults.ts";
import { modelShapeOf } from "./parts/layers.ts";
import type { Machine } from "./machine.ts";
import { largest, longestContext } from "./search.ts";
import { gpuLayersOf, sharesContext, type MemorySettings } from "./settings.ts";
import { bytesPerToken } from "./speed.ts";
import { pictureMemory, type PictureMemorySettings } from "./picture-memory.ts";

/** Measured memory of the engine process without a model. The daemon takes about as much, but is already running. */
export const engineProcessBytes = 130 * 1_048_576;
/** Maximum number of slots of a worker. */
const mostSlots = 64;

export interface Wanted extends Omit<MemorySettings, "slots" | "contextSize" | "contextPool" | "gpuLayers"> {
  /** Number of slots; 1 by default. */
  readonly slots?: number | undefined;
  /** Maximum number of tokens of one job; by default as `contextDefaults` says. */
  readonly contextSize?: number | undefined;
  /** Maximum number of tokens of all jobs together. */
  readonly contextPool?: number | undefined;
  /** Whether our addon computes: then the slots of most models share a pool. */
  readonly hasAddon?: boolean | undefined;
  /** By default `auto`: as many as fit. */
  readonly gpuLayers?: MemorySettings["gpuLayers"] | "auto";
  /** The model's projector; undefined: the model reads no pictures. */
  readonly pictures?: PictureMemorySettings | undefined;
}

/** `contextSize` and `contextPool` are the wanted sizes; with verdict `smaller`, the largest sizes that fit. */
export interface Fit extends ContextSizes {
  /** `fits`: the wanted context fits. `smaller`: only a smaller context fits. `none`: no context fits. */
  readonly verdict: "fits" | "smaller" | "none";
  /** Memory with `slots`, `contextSize` and `contextPool`, without the projector. */
  readonly estimate: MemoryEstimate;
  /** Memory for reading pictures; 0 without a projector. Bytes, on the GPU if any layer is there. */
  readonly pictures: number;
  readonly slots: number;
  /** Memory with one slot and a context of `contextSize` tokens, with the engine's process and the projector. */
  readonly oneAnswerBytes: number;
  /** Whether one job may use the whole pool. */
  readonly isShared: boolean;
  /** The longest context of one job with the wanted slots, up to the trained one; 0 if no context fits. */
  readonly largestContext: number;
  /** Maximum number of slots for the wanted context; 0 if not even one slot fits. */
  readonly largestSlots: number;
  /** How much of the model is on the GPU; `none` also without a GPU. */
  readonly gpu: "whole" | "part" | "none";
  readonly gpuLayers: number;
  /** Upper limit for one stream, from memory bandwidth alone. Undefined if the bandwidth is unknown. */
  readonly tokensPerSecond: number | undefined;
}

/** @throws GgufError for a model that cannot be used; RangeError for invalid settings */
export function largestFit(header: GgufHeader, machine: Machine, wanted: Wanted = {}): Fit {
  const shape = modelShapeOf(header);
  const { kind } = modelUseOf(header);
  const reads = kind !== "generate";
  const trained = Math.max(1, shape.trainedContext);
  const slots = reads ? 1 : (wanted.slots ?? 1);
  const isShared = sharesContext(header, { ...wanted, gpuFreeBytes: machine.gpu?.freeBytes });
  const configured = { trained, contextSize: wanted.contextSize, contextPool: wanted.contextPool };
  const sizesFor = (count: number): ContextSizes => sizesOf({ ...configured, slots: count, isShared, reads });
  const wished = sizesFor(slots);
  const mostLayers = machine.gpu === undefined ? 0 : shape.layers.length + 1;
  const estimator = createEstimator(header);
  const { gpuLayers: asked = "auto" } = wanted;
  const most = asked === "auto" ? mostLayers : Math.min(gpuLayersOf(shape, asked), mostLayers);
  const least = asked === "auto" ? 0 : most;

  const pictures = wanted.pictures === undefined ? 0 : pictureMemory(wanted.pictures).total;
  // An estimate takes a millisecond or more, and the searches ask for most of them several times.
  const known = new Map<string, MemoryEstimate>();
  const at = ({ slots, contextSize, contextPool }: Size, gpuLayers: number): MemoryEstimate => {
    const key = [slots, contextSize, contextPool, gpuLayers].join();
    const size = { slots, contextSize, contextPool: isShared ? contextPool : undefined };
    const estimate = known.get(key) ?? estimator({ ...wanted, gpuLayers, ...size });
    known.set(key, estimate);
    return estimate;
  };
  const place = (size: Size): number | undefined => {
    const onGpu = (layers: number): number => at(size, layers).gpu + (layers > 0 ? pictures : 0);
    const layers = largest(least, most, (gpuLayers) => onGpu(gpuLayers) <= (machine.gpu?.freeBytes ?? 0));
    if (layers === undefined) return undefined;
    const onHost = at(size, layers).context.host + hostRest(at(size, layers)) + (layers > 0 ? 0 : pictures);
    return onHost <= machine.freeBytes ? layers : undefined;
  };
  const longest = (upTo: number, sizeOf: (tokens: number) => Size): number =>
    longestContext(upTo, (tokens) => place(sizeOf(tokens)) !== undefined) ?? 0;

  /** A job of this length, with no room for other jobs where the slots share the pool. */
  const alone = (contextSize: number): Size => ({
    slots,
    contextSize,
    contextPool: isShared ? contextSize : slots * contextSize,
  });
  const pooled = (contextPool: number): Size => ({
    slots,
    contextSize: Math.min(wished.contextSize, contextPool),
    contextPool,
  });
  const largestContext = longest(trained, alone);
  const widest = reads ? 1 : mostSlots;
  const fitsWith = (count: number): boolean => place({ slots: count, ...sizesFor(count) }) !== undefined;
  const largestSlots = largest(1, widest, fitsWith) ?? 0;

  const whole = place({ slots, ...wished });
  const smaller = (): Size => (isShared ? pooled(longest(wished.contextPool, pooled)) : alone(largestContext));
  const chosen = whole === undefined && largestContext > 0 ? smaller() : { slots, ...wished };
  const gpuLayers = place(chosen) ?? least;
  const estimate = at(chosen, gpuLayers);
  const { contextSize } = chosen;
  const one = at({ slots: 1, contextSize, contextPool: contextSize }, gpuLayers);
  return {
    verdict: whole !== undefined ? "fits" : largestContext > 0 ? "smaller" : "none",
    estimate,
    pictures,
    oneAnswerBytes: one.resident + engineProcessBytes + pictures,
    ...chosen,
    isShared,
    largestContext,
    largestSlots,
    gpu: gpuLayers === 0 ? "none" : gpuLayers > shape.layers.length ? "whole" : "part",
    gpuLayers,
    tokensPerSecond: reads ? undefined : speedOf(header, machine, { ...wanted, ...chosen, gpuLayers }, estimate),
  };
}

interface Size extends ContextSizes {
  readonly slots: number;
}

type SizesOptions = Omit<ContextDefaultsOptions, "fits"> & { readonly reads: boolean };

/** The configured or usual sizes, whether or not they fit. */
function sizesOf({ reads, ...options }: SizesOptions): ContextSizes {
  if (!reads) return usualSizes(options);
  const contextSize = textTokens(options);
  return { contextSize, contextPool: contextSize };
}

/** Host memory of everything but the context: weights, vocabulary and the engine process. */
function hostRest({ host, context, resident, total }: MemoryEstimate): number {
  const unwritten = total - resident;
  return host - unwritten - context.host + engineProcessBytes;
}

function speedOf(
  header: GgufHeader,
  { bandwidth, gpu }: Machine,
  settings: MemorySettings,
  { weights, gpu: gpuBytes, total }: MemoryEstimate,
): number | undefined {
  if (weights === 0) return undefined;
  const bytes = bytesPerToken(header, settings);
  const onGpu = gpuBytes / total;
  if (onGpu > 0 && gpu?.bytesPerSecond === undefined) return undefined;
  if (onGpu < 1 && bandwidth === undefined) return undefined;
  const gpuSeconds = onGpu === 0 ? 0 : (bytes * onGpu) / (gpu?.bytesPerSecond ?? Infinity);
  const hostSeconds = (bytes * (1 - onGpu)) / (bandwidth?.bytesPerSecond ?? Infinity);
  return 1 / (gpuSeconds + hostSeconds);
}

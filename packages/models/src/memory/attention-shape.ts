// Owns what the attention of a model computes for each token: its layers and the shape of their heads.
import type { GgufHeader } from "../header/index.ts";
import { modelShapeOf } from "./parts/layers.ts";

export interface AttentionShape {
  /** Number of layers with attention. */
  readonly layers: number;
  /** Heads of the first of these layers, and its heads of keys and values. */
  readonly heads: number;
  readonly keyHeads: number;
  /** Numbers in the key of a head. */
  readonly keyLength: number;
  readonly valueLength: number;
}

/** Returns undefined for a model without usual attention: a recurrent or hybrid one, one without a KV cache, and one with latent attention. */
export function attentionShapeOf(header: GgufHeader): AttentionShape | undefined {
  const { layers, encoder, latent } = modelShapeOf(header);
  const attending = layers.flatMap(({ attention }) => (attention === undefined ? [] : [attention]));
  const [first] = attending;
  if (first === undefined || encoder || latent || layers.some(({ state }) => state > 0)) return undefined;
  const { heads, keys, keyLength, valueLength } = first;
  const keyHeads = keys / keyLength;
  if (!Number.isInteger(keyHeads) || heads % keyHeads !== 0) return undefined;
  return { layers: attending.length, heads, keyHeads, keyLength, valueLength };
}

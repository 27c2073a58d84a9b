// Opens the decoder of a context, the addon's or the library's, if it works.
import type { LlamaContext } from "node-llama-cpp";
import { createAddonDecoder, type Addon } from "./addon-decoder.ts";
import type { BatchDecoder } from "./batch-decoder.ts";
import { decoderProblem, probe } from "./decoder-check.ts";
import { VersionError, type Library } from "./library-context.ts";
import { createLibraryDecoder } from "./library-decoder.ts";
import { askPublicly } from "./oracle.ts";

/** What decodes: Waggle's addon, or node-llama-cpp's own binding. */
export type Binding = "addon" | "library";

export interface OpenDecoderOptions {
  readonly context: LlamaContext;
  readonly library: Library;
  /** Undefined: the library decodes. */
  readonly addon: Addon | undefined;
  readonly vocabularySize: number;
  /** Whether the library computes in the order in which it is called, because libuv's pool has one thread. */
  readonly inOrder: boolean;
}

/** @throws VersionError if the library's internals do not work as expected; AddonError if the addon does not work */
export async function openDecoder(options: OpenDecoderOptions): Promise<BatchDecoder> {
  const { context, library, addon, vocabularySize, inOrder } = options;
  const sequence = context.getSequence();
  const expected = await askPublicly(sequence, probe);
  // The library empties a sequence that it disposes or that is garbage. From here on, it knows of no sequence.
  await sequence.dispose();
  if (addon === undefined) {
    const decoder = createLibraryDecoder(library, inOrder);
    const problem = await decoderProblem(decoder, library, expected);
    if (problem !== undefined) throw new VersionError(problem);
    return decoder;
  }
  let problem: string | undefined;
  try {
    const decoder = createAddonDecoder({ addon, library, vocabularySize });
    problem = await decoderProblem(decoder, library, expected);
    if (problem === undefined) return decoder;
  } catch (error) {
    problem = (error as Error).message;
  }
  throw new AddonError(problem);
}

/** The addon does not work on this machine, so the library has to decode. */
export class AddonError extends Error {
  override readonly name = "AddonError";
}

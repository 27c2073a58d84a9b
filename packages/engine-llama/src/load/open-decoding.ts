// Opens the context of a model and its decoder: with the addon if there is one that works, else with node-llama-cpp's own binding.
import type { LlamaModel } from "node-llama-cpp";
import type { LoadedAddon } from "../passes/addon.ts";
import type { Addon } from "../passes/addon-decoder.ts";
import type { BatchDecoder } from "../passes/batch-decoder.ts";
import { libraryOf, type Library } from "../passes/library-context.ts";
import { AddonError, openDecoder, type Binding } from "../passes/open-decoder.ts";
import { openContext, type OpenedContext } from "./context.ts";
import type { CacheOptions } from "./load-settings.ts";
import { defaultBatchSize, type LoadedModel } from "./loaded-model.ts";

export interface Decoding extends OpenedContext {
  readonly library: Library;
  readonly decoder: BatchDecoder;
  readonly binding: Binding;
  /** Why the addon does not decode, as the end of a sentence. */
  readonly bindingReason?: string | undefined;
}

/** @throws WaggleError unavailable if the memory is too small; VersionError if the library's internals do not work as expected */
export async function openDecoding(
  loaded: LoadedModel,
  cache: CacheOptions,
  { addon, problem }: LoadedAddon,
): Promise<Decoding> {
  if (addon === undefined) return { ...(await openOn(undefined, loaded, cache)), bindingReason: problem };
  try {
    return await openOn(addon, loaded, cache);
  } catch (error) {
    if (!(error instanceof AddonError)) throw error;
    // The library cannot use a cache that the addon has shaped, so the context is opened again.
    return { ...(await openOn(undefined, loaded, cache)), bindingReason: `it does not work here: ${error.message}` };
  }
}

async function openOn(
  addon: Addon | undefined,
  { options, header, llama, model, maxThreads, vocabulary }: LoadedModel,
  cache: CacheOptions,
): Promise<Decoding> {
  const { modelPath, slots, contextSize, contextPool, signal } = options;
  const opened = await openContext(model, {
    ...{ modelPath, header, slots, contextSize, contextPool, addon, cache, signal },
    batchSize: Math.max(options.batchSize ?? batchSizeFor(model), slots),
    threads: maxThreads,
    form: options.cacheForm,
  });
  try {
    const library = libraryOf(llama, model, opened.context);
    const decoder = await openDecoder({
      ...{ context: opened.context, library, addon },
      vocabularySize: vocabulary.pieces.length,
      inOrder: options.onePoolThread === true,
    });
    return { ...opened, library, decoder, binding: addon === undefined ? "library" : "addon" };
  } catch (error) {
    // Without a decoder, llama.cpp would only reserve the buffers of later contexts too.
    addon?.stopReserving();
    await opened.context.dispose();
    throw error;
  }
}

/** A recurrent state cannot be cut back, so it is saved only at the ends of passes: smaller passes save it at more positions. */
function batchSizeFor({ fileInsights: { isRecurrent, isHybrid } }: LlamaModel): number {
  return isRecurrent || isHybrid ? defaultBatchSize / 2 : defaultBatchSize;
}
